"""Each fault's name and what injects it; `plan` says how often."""

from __future__ import annotations

from tests.faults import beats, crashes, keys, messages, outages, points, races, sizes
from tests.faults.trial import Inject

INJECT: dict[str, Inject] = {
    inject.__name__: inject
    for inject in (
        crashes.kill_worker,
        crashes.kill_all,
        outages.flush,
        outages.broker_down,
        outages.postgres_stop,
        outages.postgres_restarts,
        messages.duplicates,
        messages.reorder,
        races.pause_race,
        races.cancel_race,
        races.resume_race,
        races.answer_race,
        races.claim_race,
        crashes.stopped_worker,
        races.edited,
        beats.two_beats,
        crashes.poison,
        crashes.out_of_memory,
        sizes.outputs,
        sizes.deep,
        sizes.wide,
        crashes.rolling_restart,
        keys.key_provider_down,
        points.failpoints,
        points.random_failpoints,
    )
}
