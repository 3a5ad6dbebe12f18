"""The base of everything that travels through Temporal."""

from pydantic import BaseModel, ConfigDict


class Wire(BaseModel):
    """Frozen; unknown fields are ignored, so that a newer writer does not stop an older reader."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Tagged(Wire):
    """One of several shapes, told apart by `kind`, which always travels: other fields may stay out while unset."""

    def model_post_init(self, context: object, /) -> None:
        self.__pydantic_fields_set__.add("kind")
