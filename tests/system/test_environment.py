from tests.support.conda import ROOT, environment


def test_conda_environment_is_in_step_with_the_lock() -> None:
    assert (ROOT / "environment.yml").read_text() == environment(), "run `python -m tests.support.conda`"
