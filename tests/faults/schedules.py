"""`python -m tests.faults.schedules --count N --seed S`: random schedules, a line each."""

import argparse
import sys
from pathlib import Path


def main() -> int:
    """The number of schedules that differ from one run to the same day."""
    sys.path.append(str(Path(__file__).resolve().parents[1] / "support"))
    from schedule_campaign import over_grounds

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200, help="schedules")
    parser.add_argument("--seed", type=int, default=0, help="start of all chance")
    chosen = parser.parse_args()
    failed = 0
    for outcome in over_grounds(chosen.count, chosen.seed):
        print(outcome.line, flush=True)
        failed += bool(outcome.differences)
    print(f"{chosen.count} schedules, {failed} differ from one run")
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main())
