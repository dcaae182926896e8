"""`python -m enco.methods`: the registry, and a method's options."""

from __future__ import annotations

import pytest

from enco.errors import UserError
from enco.methods import available, get
from enco.methods.__main__ import main


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    main(arguments)
    return capsys.readouterr().out.splitlines()


def test_every_method_has_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    lines = {line.split()[0]: line for line in printed(capsys)[2:]}
    assert set(lines) == set(available())
    for name, line in lines.items():
        info = get(name).info
        assert all(word in line for word in (info.label, str(info.year), info.paper)), name
        assert line.endswith("both ways" if info.two_sided else "one way")


@pytest.mark.parametrize("name", sorted(available()))
def test_every_option_of_a_method_has_its_default_and_description(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    first, _, _, _, _, *lines = printed(capsys, name)
    assert get(name).info.paper in first
    options = [line.split()[0] for line in lines if not line.startswith(" ")]
    assert options == list(get(name).info.Options.model_fields)
    assert all(len(line) <= 120 for line in lines)


def test_defaults_are_written_as_in_a_configuration_file(capsys: pytest.CaptureFixture[str]) -> None:
    lines = {line.split()[0]: line for line in printed(capsys, "enco") if line}
    assert "[[3, 28], [7, 24], [13, 18]]" in lines["pairs"]
    assert " true " in lines["flip"] and " null " in lines["test_size"] and ' "lsgan" ' in lines["gan_mode"]
    assert "Channels of the generator's first convolution." in lines["ngf"]


def test_unknown_method_names_the_known() -> None:
    with pytest.raises(UserError, match=r"Unknown method 'enc': choose one of .*enco"):
        main(["enc"])
