"""How the control side says no: one line with the value, what was expected, and what to do."""

from typing import TypeVar

from pydantic import BaseModel, ValidationError

Model = TypeVar("Model", bound=BaseModel)


class ControlError(ValueError):
    """A value of the control side that cannot be used."""

    def __init__(self, what: str, *, value: object, expected: str, remedy: str) -> None:
        self.what = what
        self.value = value
        self.expected = expected
        self.remedy = remedy
        super().__init__(f"{what}: got {value!r}, expected {expected}; {remedy}")


def validated(model: type[Model], given: object, *, prefix: str = "", remedy: str = "see docs/simulator.md") -> Model:
    """`given` as a `model`. Raises ControlError for the first thing that is wrong, named by its path."""
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise from_validation(error, prefix=prefix, remedy=remedy) from error


def from_validation(error: ValidationError, *, prefix: str = "", remedy: str = "see docs/simulator.md") -> ControlError:
    """The first thing that is wrong, named by its path."""
    first = error.errors()[0]
    steps = [str(part) for part in first["loc"]]
    value, expected = first["input"], first["msg"]
    if first["type"] == "union_tag_invalid":
        choice = first["ctx"]
        steps.append(str(choice["discriminator"]).strip("'"))
        value, expected = choice["tag"], f"one of {choice['expected_tags']}"
    return ControlError((prefix + ".".join(steps)).strip(".") or "body", value=value, expected=expected, remedy=remedy)
