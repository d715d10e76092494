"""The rules beyond the specification are passed over where no setting asks for one."""

from __future__ import annotations

import ast
import inspect

from fakereg.api import manifest_rules
from fakereg.dialect.fields import MANIFEST_RULES, PRESETS

STATUSES = {"digest_push_refusal", "foreign_layer_refusal", "digest_refusal_type", "large_image_delay"}
"""How a rule answers, not whether it applies."""


def test_every_setting_that_a_rule_reads_is_known_to_switch_the_rules_on() -> None:
    tree = ast.parse(inspect.getsource(manifest_rules))
    read = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and (
            (isinstance(node.value, ast.Attribute) and node.value.attr == "dialect")
            or (isinstance(node.value, ast.Name) and node.value.id == "dialect")
        )
    }
    assert read - STATUSES == set(MANIFEST_RULES)


def test_which_presets_have_rules() -> None:
    assert [name for name, dialect in PRESETS.items() if dialect.restricts_manifests] == [
        "github-docker",
        "github-container",
        "distribution",
    ]
