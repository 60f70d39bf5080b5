"""Stage ``evaluate``: original and compressed side by side, every figure with its protocol."""

from typing import Any

from mggc.data.dataset import Split
from mggc.data.loaders import evaluation_batches
from mggc.data.transforms import to_bytes
from mggc.metrics.results import Measurement
from mggc.runs.atomic import read_json, write_atomically, write_json
from mggc.runs.rundir import RunDir, StageDir, digest_of
from mggc.shapes import ByteImages
from mggc.stages.context import Context
from mggc.stages.evaluation.check import check_evaluation
from mggc.stages.evaluation.cost_figures import cost_figures
from mggc.stages.evaluation.feature_figures import feature_figures
from mggc.stages.evaluation.pair_figures import ink_figures, pair_figures
from mggc.stages.evaluation.segmentation_figures import segmentation_figures
from mggc.stages.evaluation.subjects import Figures, Scene, make_scene
from mggc.stages.pictures import comparison_grid

METRICS_NAME = "metrics.json"
GRID_NAME = "grid.png"
PARTS = (pair_figures, ink_figures, segmentation_figures, feature_figures, cost_figures)
"""Each gives figures by subject; their order is that of the file."""


def evaluate(context: Context) -> None:
    """Measure original and compressed generator on the configured split, and draw a picture grid."""
    config, run = context.config, context.run
    stage = run.stage("evaluate")
    finetuned = run.stage("finetune").require(f"mggc finetune {run.path}")
    digest = digest_of("evaluate", finetuned["digest"], config.evaluate.model_dump())
    if not context.pending(stage, digest):
        return
    check_evaluation(config.evaluate, context.dataset)
    if context.leader:
        scene = make_scene(context)
        figures = measure(scene)
        _draw(scene, stage)
        content = {
            name: {metric: figure.to_json() for metric, figure in of_subject.items()}
            for name, of_subject in figures.items()
        }
        write_json(stage.path / METRICS_NAME, content)
        stage.finish(digest)
    context.fabric.barrier()


def measure(scene: Scene) -> dict[str, Figures]:
    """Every figure of every subject."""
    figures: dict[str, Figures] = {name: {} for name in scene.subjects}
    for part in PARTS:
        for name, found in part(scene).items():
            figures[name] |= found
    return figures


def run_metrics(run: RunDir) -> dict[str, Figures]:
    """The measurements of a run: by network (``original``, ``compressed``), then by metric.

    Raises:
        MggcError: The stage is not finished.
    """
    stage = run.stage("evaluate")
    stage.require(f"mggc evaluate {run.path}")
    content: dict[str, dict[str, Any]] = read_json(stage.path / METRICS_NAME)
    return {
        name: {metric: Measurement.from_json(record) for metric, record in figures.items()}
        for name, figures in content.items()
    }


def stack_first(split: Split, rows: int, image_size: int) -> ByteImages:
    """The first source images of a split."""
    batches = evaluation_batches(split.source, image_size=image_size, batch_size=rows)
    return to_bytes(next(batches))


def _draw(scene: Scene, stage: StageDir) -> None:
    config, split = scene.context.config, scene.split
    rows = config.evaluate.pictures
    columns = {"source": stack_first(split, rows, config.data.image_size)}
    columns |= {name: subject.images for name, subject in scene.subjects.items()}
    if split.paired:
        columns["target"] = scene.targets
    grid = comparison_grid([*columns.values()], [*columns], rows=rows)
    write_atomically(stage.path / GRID_NAME, lambda path: grid.save(path, format="PNG"))
