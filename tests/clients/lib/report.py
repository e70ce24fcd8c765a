"""Counts the cases of a run and tells of them as they come."""

import sys

from .cases import Failed, Skipped


class Report:
    """Counts the cases and tells of them as they come."""

    def __init__(self):
        self.passed = 0
        self.failed = 0
        self.skipped = 0

    def line(self, client, upstream, words):
        print(f"{client:<30} {upstream:<13} {' '.join(words)}", flush=True)

    def case(self, client, case, run):
        """Runs a case; gives the word that stands for it in its client's line."""
        try:
            run(case)
        except Skipped as reason:
            return self.skip(case, reason)
        except Failed as reason:
            return self.fail(f"{client}: {case}: {reason}", case)
        except Exception as error:  # noqa: BLE001: a broken case must not hide the others
            return self.fail(f"{client}: {case}: {type(error).__name__}: {error}", case)
        self.passed += 1
        return case

    def fail(self, what, case=""):
        self.failed += 1
        print(f"FAILED {what}", file=sys.stderr, flush=True)
        return f"{case}:FAILED"

    def skip(self, case, reason):
        self.skipped += 1
        print(f"SKIPPED {case}: {reason}", file=sys.stderr, flush=True)
        return f"{case}:skipped"

    def end(self):
        """The last line; gives the exit code."""
        print(f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped")
        return 1 if self.failed else 0
