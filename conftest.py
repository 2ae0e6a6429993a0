"""``pytest --fix``: tests that compare a generated text with its source write it anew first."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fix", action="store_true", help="write generated tables and lists anew before comparing")


@pytest.fixture(scope="session")
def fix(pytestconfig: pytest.Config) -> bool:
    """Whether generated texts are to be written anew."""
    return pytestconfig.getoption("--fix")
