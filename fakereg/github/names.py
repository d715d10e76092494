"""Check the number of parts in image names of GitHub's registries (GP-3.32, GP-6.4, GP-6.20)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from fakereg.dialect.fields import Dialect
from fakereg.spec.errors import Code, RegistryError, unknown_path
from fakereg.spec.names import Name


def check(name: Name, dialect: Dialect) -> None:
    """Raise the refusal of a `name` that does not have the form of the dialect; one that is not GitHub's allows any."""
    if dialect.name_form in FORMS:
        FORMS[dialect.name_form](name, dialect)


def _owner_repository_image(name: Name, dialect: Dialect) -> None:
    if "/" not in name:  # the router before the registry knows no such path
        raise unknown_path(plain=dialect.plain_unknown_paths)
    if name.count("/") != 2:
        message = "docker image push is only supported with a tag of the format :owner/:repo_name/:image_name."
        raise RegistryError(Code.NAME_UNKNOWN, message)


def _namespace_image(name: Name, dialect: Dialect) -> None:
    if "/" not in name:
        raise RegistryError(
            Code.NAME_INVALID, "a repository name must be NAMESPACE/IMAGE_NAME", details=[{"name": name}]
        )


FORMS: Mapping[str, Callable[[Name, Dialect], None]] = {
    "owner/repository/image": _owner_repository_image,
    "namespace/image": _namespace_image,
}
