import json
import re
import shutil
from pathlib import Path

import pytest
from report_toys import Seen, toy_comparison, toy_sweep, write_results

from mggc.data.dataset import fingerprint
from mggc.errors import MggcError
from mggc.report.pictures import open_data
from mggc.report.render import write_report
from mggc.runs.rundir import RunDir
from pipeline_toys import leftovers

HOSTILE = "x\"'><img src=x onerror=alert(1)><!--$_{1}$"


def report(*paths: Path, out: Path) -> str:
    written = write_report(paths, out, pictures=3, map_images=6)
    assert written == out
    return out.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(paired_run: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    return report(paired_run, out=tmp_path_factory.mktemp("page") / "page.html")


def test_the_page_loads_nothing_from_anywhere(page: str) -> None:
    seen = Seen(page)
    assert not re.search(r"https?:|//[a-z]|@import|url\((?!#)", re.sub(r"base64,[^\"]*", "", page))
    sources = seen.attributes("img", "src") + seen.attributes("image", "xlink:href")
    assert all(source.startswith(("data:image/png;base64,", "data:image/jpeg;base64,")) for source in sources)
    assert not {"link", "iframe", "object", "embed"} & {tag for tag, _ in seen.tags}
    assert all(target.startswith("#") for target in seen.attributes("a", "href"))


def test_the_page_shows_pictures_figures_and_where_they_come_from(page: str, paired_run: Path) -> None:
    seen = Seen(page)
    pictures = [
        alt
        for alt in seen.attributes("img", "alt")
        if re.match(r"(source|original|compressed|target), ", alt)
    ]
    assert {alt.split(", ")[0] for alt in pictures} == {"source", "original", "compressed", "target"}
    for start in (
        "Channels that the generator keeps",
        "Channels that the discriminator keeps",
        "Map of 6 images",
    ):
        assert any(figure.startswith(start) for figure in seen.figures)
    assert sum("by iteration" in figure for figure in seen.figures) == 6
    run = RunDir.open(paired_run)
    for words in (
        fingerprint(open_data(run)),
        "lambda1 3.0",
        "torch 2.",
        "smaller file",
        "± 95 % interval over 6 images",
    ):
        assert words in seen.text
    assert "What is missing" not in seen.text
    assert seen.headings == 1


def test_ids_are_unique_and_links_lead_somewhere(page: str) -> None:
    seen = Seen(page)
    ids = [found["id"] for _, found in seen.tags if "id" in found]
    assert len(ids) == len(set(ids))
    assert {target.removeprefix("#") for target in seen.attributes("a", "href")} <= set(ids)


def test_the_same_run_gives_the_same_page(page: str, paired_run: Path, tmp_path: Path) -> None:
    assert report(paired_run, out=tmp_path / "again.html") == page


def test_hostile_names_stay_text(run: Path, tmp_path: Path) -> None:
    named = run.rename(tmp_path / HOSTILE.replace("/", ""))
    html = report(named, out=tmp_path / "page.html")
    assert "<img src=x" not in html
    assert "<!--" not in html
    seen = Seen(html)
    assert HOSTILE in seen.text
    assert seen.attributes("img", "onerror") == []


def test_a_run_of_one_direction_has_a_page(one_way_run: Path, tmp_path: Path) -> None:
    seen = Seen(report(one_way_run, out=tmp_path / "page.html"))
    assert "cyclegan on domains" in seen.text
    assert "Map of the manifold" in seen.text
    assert not any(alt.startswith("target, ") for alt in seen.attributes("img", "alt"))


def test_an_unfinished_run_has_a_page_that_says_so(run: Path, tmp_path: Path) -> None:
    for name in ("evaluate", "finetune", "compressed"):
        shutil.rmtree(run / name)
    seen = Seen(report(run, out=tmp_path / "page.html"))
    assert "What is missing here" in seen.text
    assert "Run mggc finetune" in seen.text
    assert "finetune not begun" in seen.text
    assert len(seen.figures) == 8


def test_several_runs_share_pictures_curves_and_a_table(run: Path, paired_run: Path, tmp_path: Path) -> None:
    config = run / "config.toml"
    config.write_text(config.read_text().replace("lambda1 = 3.0", "lambda1 = 1.0"))
    seen = Seen(report(run, paired_run, out=tmp_path / "page.html"))
    assert "source original run paired target" in seen.text
    assert "The games together" in seen.text
    assert "λ1 = 1 λ1 = 3" in seen.text
    assert "At a glance" in seen.text
    assert len([alt for alt in seen.attributes("img", "alt") if alt.startswith("source, ")]) == 3


@pytest.mark.parametrize(("old", "new"), [("seed = 0", "seed = 1"), ("[finetune]", "[finetune]\nseed = 1")])
def test_runs_that_differ_in_their_seed_alone_are_summed_up(
    run: Path, paired_run: Path, tmp_path: Path, old: str, new: str
) -> None:
    config = run / "config.toml"
    config.write_text(config.read_text().replace(old, new, 1))
    seen = Seen(report(run, paired_run, out=tmp_path / "page.html"))
    assert "Over all seeds" in seen.text
    assert "± standard deviation over 2 seeds" in seen.text
    assert "run, paired game 2" in seen.text


def test_comparisons_and_sweeps_have_tables_plots_and_failures(paired_run: Path, tmp_path: Path) -> None:
    folder = write_results(tmp_path / "grid", "compare.json", toy_comparison())
    write_results(folder, "sweep.json", toy_sweep())
    shutil.copytree(paired_run, folder / "cells" / "game-0")
    seen = Seen(report(folder, out=tmp_path / "page.html"))
    assert "Comparison on letters" in seen.text
    assert "Quality against multiply-adds" in seen.text
    assert "game, budget 5%, seed 1: The disk <is> full." in seen.text
    assert "Side by side at 20%" in seen.text
    assert "holds no config.toml" in seen.text  # of the cell that is not there
    assert sum("by iteration" in figure for figure in seen.figures) == 5


def test_a_results_file_may_be_named_itself(tmp_path: Path) -> None:
    folder = write_results(tmp_path / "grid", "ablate.json", toy_comparison())
    written = write_report([folder / "ablate.json"])
    assert written == folder / "report.html"
    assert "Ablation on letters" in written.read_text()


def test_a_report_replaces_a_report_and_nothing_else(run: Path, tmp_path: Path) -> None:
    (run / "prune" / "log.jsonl").unlink()
    mine = tmp_path / "thesis.html"
    mine.write_text("<h1>Thesis</h1>")
    with pytest.raises(MggcError, match=r"is no report\. Choose another --out, or replace it with --force"):
        write_report([run], mine)
    assert mine.read_text() == "<h1>Thesis</h1>"
    with pytest.raises(MggcError, match="is a folder"):
        write_report([run], tmp_path)
    settings = {"pictures": 1, "map_images": 1}
    assert write_report([run], **settings) == write_report([run], **settings) == run / "report.html"
    write_report([run], mine, force=True, **settings)
    assert "Compression report" in mine.read_text()
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("content", ["[]", "{", json.dumps(toy_comparison(cells=None))])
def test_a_damaged_results_file_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "compare.json"
    path.write_text(content)
    with pytest.raises(MggcError, match=r"compare\.json"):
        write_report([tmp_path], tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()
