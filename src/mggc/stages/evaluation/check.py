"""What the evaluation's settings name has to be there before anything is trained or translated."""

from mggc.config import EvaluateConfig
from mggc.data.dataset import Dataset
from mggc.stages.evaluation.feature_sets import check_feature_files
from mggc.stages.evaluation.pair_figures import lpips_files
from mggc.stages.evaluation.segmentation_figures import chosen_palette


def check_evaluation(config: EvaluateConfig, dataset: Dataset) -> None:
    """Refuse settings that could not be met; what is to be fetched is fetched later.

    Raises:
        MggcError: A file is missing or something else, or the data lacks what a figure needs.
    """
    check_feature_files(config)
    if config.lpips != "fetch":
        lpips_files(config)
    chosen_palette(config, dataset)
