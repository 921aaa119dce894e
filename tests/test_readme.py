"""What the README shows, done as it stands there."""

import re
import sys

import pytest

from tests.front_door import REPOSITORY, typed

README = (REPOSITORY / "README.md").read_text()


def blocks(language: str, heading: str) -> list[str]:
    """The code blocks in one language under one heading, in their order."""
    section = README.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL)


def test_the_lines_for_the_command_line_run(tmp_path):
    (lines,) = blocks("sh", "Five lines on the command line")
    ran = typed(["bash", "-euc", lines], tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "weights.safetensors").exists() and (tmp_path / "scores.csv").exists()
    assert "python -m pruning run" in (tmp_path / "pruned" / "report.html").read_text()
    pruned, again = ((tmp_path / name / "predictions.npz").read_bytes() for name in ("pruned", "again"))
    assert pruned == again


def test_the_lines_of_python_run(tmp_path):
    ran = typed([sys.executable, "-c", "\n".join(blocks("python", "Five lines of Python"))], tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert "repaired" in ran.stdout and (tmp_path / "pruned" / "model.safetensors").exists()


def test_a_network_of_ones_own_loses_half_its_work_exactly(tmp_path):
    """What a newcomer writes, and what the README says it prints."""
    network, five_lines, check = blocks("python", "Your own network")
    ran = typed([sys.executable, "-c", network + five_lines + check], tmp_path)
    assert ran.returncode == 0, ran.stderr
    first, second, *reasons = ran.stdout.splitlines()
    before, after = (int(number.replace(",", "")) for number in re.findall(r"[\d,]+", first))
    assert after / before == pytest.approx(0.5, abs=0.01)
    assert 0 <= float(second.removeprefix("largest difference: ")) <= 2e-6
    (shown,) = blocks("text", "Your own network")
    assert [first, *reasons] == [line for line in shown.splitlines() if "difference" not in line]


def test_the_criterion_that_is_added_scores(tmp_path):
    (code,) = blocks("python", "Adding a criterion")
    (tmp_path / "linf.py").write_text(code)
    use = "import linf, pruning; model = pruning.load_model('resnet20', 'digits')\n"
    use += "import torch; graph = pruning.ChannelGraph(model, torch.zeros(1, 3, 32, 32))\n"
    use += "print(len(pruning.score(graph, 'linf')['layer1.0.conv1']))"
    ran = typed([sys.executable, "-c", use], tmp_path)
    assert ran.stdout.split() == ["16"], ran.stderr


def test_the_readme_names_only_what_is_there():
    for path in re.findall(r"[`(]((?:pruning|pages|assets|docs|tests)/[\w/.]*)[`)]", README):
        assert (REPOSITORY / path).exists(), path
    targets = re.findall(r"`?make (\w+)`?", README)
    makefile = (REPOSITORY / "Makefile").read_text()
    assert all(f"\n{target}:" in makefile for target in targets)
