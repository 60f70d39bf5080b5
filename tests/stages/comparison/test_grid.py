from typing import get_args

import pytest

from mggc.config import CompressConfig, PlanMethod
from mggc.errors import MggcError
from mggc.stages.comparison.grid import (
    DISTILLERS,
    Cell,
    Grid,
    Row,
    cell_config,
    method_rows,
    parse_budgets,
    parse_seeds,
    shared_config,
)
from mggc.stages.resolve import resolve


def test_every_way_of_choosing_channels_can_be_compared() -> None:
    names = get_args(PlanMethod)
    rows = method_rows(",".join(names))
    assert [row.name for row in rows] == list(names)
    assert all(row.overrides == {"prune": {"method": row.name}} for row in rows)


def test_a_method_may_name_its_own_distillation() -> None:
    plain, without = method_rows("game,game:none")
    assert plain.overrides == {"prune": {"method": "game"}}
    assert without.overrides == {"prune": {"method": "game"}, "finetune": {"distillation": False}}
    assert Cell(without, "0.2", 0).name == "game-none-0.2-s0"
    shared = shared_config(resolve(CompressConfig.model_validate({"finetune": {"batch_size": 4}})))
    assert not cell_config(shared, Cell(without, "0.2", 0)).finetune.distillation
    for distiller in DISTILLERS[1:]:
        (row,) = method_rows(f"uniform:{distiller}")
        assert cell_config(shared, Cell(row, "0.2", 0)).finetune.distiller == distiller
    with pytest.raises(MggcError, match=r"colon in game:nnoe is one of none.*Did you mean none\?"):
        method_rows("game:nnoe")


@pytest.mark.parametrize(
    ("text", "seeds"), [("3", (0, 1, 2)), ("1", (0,)), ("4,7", (4, 7)), ("4,", (4,)), (" 2 , 0 ", (2, 0))]
)
def test_seeds_are_a_number_of_them_or_a_list(text: str, seeds: tuple[int, ...]) -> None:
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize("text", ["0", "-1", "", ",", "two", "1.5", "1,x", "3,3", "-1,2"])
def test_other_seeds_are_refused(text: str) -> None:
    with pytest.raises(MggcError, match="--seeds"):
        parse_seeds(text)


@pytest.mark.parametrize("text", ["", ",", "x", "0", "1.5", "0.2,x", "0.2,0.2", "5"])
def test_other_budgets_are_refused(text: str) -> None:
    with pytest.raises(MggcError, match="--budgets"):
        parse_budgets(text)


def test_budgets_keep_the_words_they_were_given_in() -> None:
    assert parse_budgets(" 20%, 0.1,3.05G") == ("20%", "0.1", "3.05G")


def test_an_unknown_method_is_refused_with_the_list_and_the_nearest_one() -> None:
    with pytest.raises(MggcError, match=r"game, .*uniform, .* Found 'unifrom'. Did you mean uniform\?"):
        method_rows("game,unifrom")
    with pytest.raises(MggcError, match="Found game twice"):
        method_rows("game,uniform,game")


def test_one_table_is_whole_before_the_next_seed_begins() -> None:
    grid = Grid(method_rows("uniform,game"), ("0.2", "5%"), (0, 1))
    names = [cell.name for cell in grid.cells()]
    assert names[:4] == ["uniform-0.2-s0", "game-0.2-s0", "uniform-5pct-s0", "game-5pct-s0"]
    assert len(set(names)) == 8
    assert all(name.endswith("-s1") for name in names[4:])


def test_a_name_with_signs_and_spaces_makes_a_plain_folder() -> None:
    assert Cell(Row("+ D pruning", {}), "16.5%", 2).name == "d-pruning-16.5pct-s2"


def test_a_cell_differs_from_the_shared_configuration_in_what_the_grid_varies_only() -> None:
    config = resolve(CompressConfig(seed=5))
    shared = shared_config(config)
    cell = cell_config(shared, Cell(Row("uniform", {"prune": {"method": "uniform"}}), "7%", 3))
    assert (cell.budget, cell.prune.method, cell.prune.seed, cell.finetune.seed) == ("7%", "uniform", 3, 3)
    assert cell.seed == 5
    assert shared_config(cell) == shared == shared_config(resolve(config))
