"""Parameters that several addresses of the API take."""

from typing import Annotated

from fastapi import Path, Query

Limit = Annotated[int, Query(ge=1, le=200)]
Name = Annotated[str, Path(max_length=500, pattern=r"^[^\x00]*$")]  # what a query can hold
ReleaseNumber = Annotated[int, Path(ge=1, lt=2**63)]  # a BIGINT
