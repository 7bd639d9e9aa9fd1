import pytest

from worker.pictures.raised_instead import RaisedInstead


class Ours(Exception):
    pass


def test_only_an_error_of_the_named_kinds_is_replaced_by_the_first_that_fits() -> None:
    replacing = RaisedInstead(((KeyError,), lambda: Ours("a key")), ((LookupError, OSError), lambda: Ours("a look")))

    for raised, said in ((KeyError(1), "a key"), (IndexError(2), "a look"), (OSError(3), "a look")):
        with pytest.raises(Ours, match=said) as caught, replacing:
            raise raised
        assert caught.value.__cause__ is raised
    with pytest.raises(ValueError, match="as it is"), replacing:
        raise ValueError("as it is")
