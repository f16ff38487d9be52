"""The gallery of stored results."""

from lifelong_docs.gallery import figure, figures, gallery, studies


def test_every_study_has_a_row_and_a_figure():
    folders = [f'href="leaderboard/{study.slug}/report.html"' for study in studies()]
    assert len(folders) > 10
    rows, drawn = gallery(), figures()
    assert all(folder in rows and folder in drawn for folder in folders)


def test_a_figure_names_the_rules_of_its_study():
    by_title = {study.title: study for study in studies()}
    svg = figure(by_title["split-cifar100-online"]).decode()
    assert [name in svg for name in ("plain SGD", "SAM", "Lookbehind-SAM", "Fine-tuning")] == [True] * 4
    assert "SAM" not in figure(by_title["split-mnist-lwf-ordered"]).decode()
