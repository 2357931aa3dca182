from __future__ import annotations

from drills.staging.supervisor.children import inherited


def test_a_child_inherits_only_what_it_needs() -> None:
    """Paths, language, libraries and coverage measurement are handed on; everything else is left out."""
    needed = {
        "PATH": "/bin",
        "HOME": "/home/ada",
        "LC_ALL": "C.UTF-8",
        "LD_LIBRARY_PATH": "/lib",
        "OPENBLAS_NUM_THREADS": "1",
        "COVERAGE_PROCESS_CONFIG": "x",
    }
    others = {"SECRET": "canary-1", "HTTPS_PROXY": "canary-2", "STAGING_FAULTS": "khala-drop", "DISPLAY": ":0"}
    assert inherited({**needed, **others}) == needed


def test_some_children_need_more() -> None:
    """What one kind of child needs besides is named by its starter."""
    assert inherited({"DISPLAY": ":0", "OTHER": "1"}, frozenset({"DISPLAY"})) == {"DISPLAY": ":0"}
