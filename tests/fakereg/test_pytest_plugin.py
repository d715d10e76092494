"""The fixtures, in a project of their own."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]


def test_a_project_gets_a_fresh_registry_for_each_test(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import urllib3

        def test_first(fakereg):
            assert urllib3.request("POST", f"{fakereg.url}/v2/a/blobs/uploads/").status == 202
            assert len(fakereg.journal) == 1
            assert urllib3.request("GET", f"{fakereg.url}/v2/_catalog").json() == {"repositories": []}

        def test_second(fakereg):
            assert len(fakereg.journal) == 0

        def test_several(make_fakereg, tmp_path):
            one, other = make_fakereg(dialect="oci,push=false"), make_fakereg(storage=f"directory:{tmp_path}")
            assert one.host != other.host
            assert urllib3.request("POST", f"{one.url}/v2/a/blobs/uploads/").status == 405
            assert urllib3.request("POST", f"{other.url}/v2/a/blobs/uploads/").status == 202
        """
    )
    pytester.runpytest_subprocess("-W", "error").assert_outcomes(passed=3)
