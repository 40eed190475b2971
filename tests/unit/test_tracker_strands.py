"""An organ's own facts in strands: the same decisions as in one row, in any order, and the next one costs the same."""

import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from services.events.cases import CaseEvent, FactRecorded, FactRejected, ReviewClosed, TallyCounted
from services.events.codec import encode
from services.events.facts import ReferenceFact, RequestFact, TallyRecorded
from services.events.refusals import Reason
from services.runtime.table_diff import TableDiff
from services.tracker.core import apply, strands
from services.tracker.core.attention import items
from services.tracker.core.case import Case, tally_value
from services.tracker.core.decide import decide, tick
from services.tracker.core.reference_data import ReferenceData
from services.tracker.core.refold import Refold, Refs
from services.tracker.core.strands import MOST_BEFORE, Name, Shelf, Strand, names
from services.tracker.rebuild_compare import explained
from services.tracker.store import encode_case, encode_strand
from tests.support import ORGAN, answered, fact, received

NOW = datetime(2024, 6, 28, 4, tzinfo=UTC)
CODE = "gz-psb"
REGISTERED: ReferenceFact = fact("organ-registered", CODE, ORGAN)
WORLD = ReferenceData([REGISTERED])
SERVED = {"served_on": "2023-03-06"}


def filed(review: str, subject: str = CODE, organ: str = CODE, **more: Any) -> Any:
    data = {"review": review, "organ": organ, "kind": "complaint", "filed_on": "2023-03-02"}
    return fact("review-filed", subject, data, **more)


def decided(review: str, subject: str = CODE, day: str = "2023-04-03") -> Any:
    return fact("review-decided", subject, {"review": review, "decided_on": day, "result": "upheld"})


def tally(count: int = 7, subject: str = CODE, **more: Any) -> Any:
    data = {"organ": subject, "on": "2023-05-05", "measure": "page-views", "count": count}
    return fact("tally-recorded", subject, data, **more)


def corrected(of: Any, **changes: Any) -> Any:
    import msgspec

    data = {**msgspec.to_builtins(of.data), **changes}
    amends = {"source": of.source, "id": of.id}
    return fact("fact-corrected", of.subject, {"amends": amends, "data": data})


def retracted(of: Any) -> Any:
    amends = {"source": of.source, "id": of.id}
    return fact("fact-retracted", of.subject, {"amends": amends, "reason": "twice"})


def history(seed: int, subject: str = CODE) -> list[Any]:
    """Reviews and tallies with what amends them, amendments of amendments and of nothing, in any order, some twice."""
    rng = Random(seed)
    facts: list[Any] = []
    for number in range(rng.randint(2, 6)):
        kinds = [filed(f"r{number}", subject), decided(f"r{number}", subject), tally(number, subject)]
        facts += rng.sample(kinds, rng.randint(1, 3))
    facts.append(filed("r0", subject))  # a second filing of one review
    for _ in range(rng.randint(0, 6)):
        of = rng.choice(facts)
        changes: dict[str, Any] = rng.choice(
            [{}, {"review": f"r{rng.randint(0, 5)}"}, {"count": 9}, {"filed_on": "2022-02-02"}, SERVED]
        )
        facts.append(rng.choice([retracted(of), corrected(of, **changes), corrected(of, **changes)]))
    facts.append(retracted(filed("never", subject)))
    rng.shuffle(facts)
    return facts + rng.sample(facts, 2)


def in_one_row(facts: Iterable[RequestFact], world: ReferenceData = WORLD) -> tuple[Case, list[CaseEvent]]:
    """As it was decided when all of a subject's facts were in its case."""
    case, events, tallies = Case(subject=""), list[CaseEvent](), dict[Any, TallyRecorded]()
    for each in facts:
        case, found = decide(replace(case, subject=each.subject), each, world, NOW, tallies)
        if isinstance(each, TallyRecorded):
            tallies.setdefault(each.ref, each)
        events += found
    return case, events


def in_strands(facts: Sequence[RequestFact], world: ReferenceData = WORLD) -> tuple[Shelf, list[CaseEvent]]:
    shelf = Shelf()
    return shelf, apply.run(facts, shelf, world, NOW).events


def alike(events: Iterable[CaseEvent]) -> list[CaseEvent]:
    """What must not differ. In one row an event told what *any* fact of the organ waited for, not what its own did."""
    return [
        replace(e, data=replace(e.data, waiting_for=None, awaits=None)) if isinstance(e, FactRecorded) else e
        for e in events
    ]


@pytest.mark.parametrize("seed", range(150))
def test_the_events_are_those_of_one_row(seed: int) -> None:
    facts = history(seed)
    assert alike(in_strands(facts)[1]) == alike(in_one_row(facts)[1])


def test_an_event_tells_what_its_own_fact_waits_for() -> None:
    missing = filed("missing")
    _, events = in_strands([retracted(missing), decided("r1")])
    assert [e.data.waiting_for for e in events if isinstance(e, FactRecorded)] == [
        f"fact {missing.source} {missing.id}",
        None,
    ]


def test_a_served_review_under_an_organ_s_code_says_that_nobody_watches_its_duty() -> None:
    first = filed("r1")
    shelf, _ = in_strands([first, filed("r2"), corrected(first, **SERVED)])
    told = [item.remark for _, _, piece in shelf.pieces() if piece is not None for item in items(piece)]
    assert [(each.code, each.values) for each in told] == [("review-opens-no-duty", {"review": "r1"})]


def state(shelf: Shelf) -> list[Any]:
    """What the strands of an organ amount to."""
    found = []
    for strand in shelf.strands[CODE].values():
        facts = tuple(kept.fact for kept in strand.kept)
        opened, tallies = shelf.open(facts[0], WORLD)
        values = sorted(str(tally_value(t, opened)) for t in tallies.values())
        found.append((sorted(f.ref for f in facts), opened.view.reviews, opened.view.refused, values))
    return sorted(found, key=lambda each: each[0])


@pytest.mark.parametrize("seed", range(60))
def test_any_order_ends_in_the_same_strands(seed: int) -> None:
    facts = history(seed)
    one, _ = in_strands(facts)
    Random(-seed).shuffle(facts)
    other, _ = in_strands(facts)
    assert state(one) == state(other)
    assert one.case(CODE).view == other.case(CODE).view


def test_what_belongs_together_is_one_strand_and_nothing_else() -> None:
    shelf, _ = in_strands([decided("a"), retracted(first := tally()), filed("b"), decided("c"), first])
    assert sorted(len(s.kept) for s in shelf.strands[CODE].values()) == [1, 1, 1, 2]
    # A filing under a wrong id, corrected: its decision came under the right one.
    shelf, events = in_strands([wrong := filed("a1"), decided("a01"), corrected(wrong, review="a01")])
    assert [len(s.kept) for s in shelf.strands[CODE].values()] == [3]
    assert [e.data.decided and e.data.decided.review for e in events if isinstance(e, ReviewClosed)] == ["a01", None]


class Tables:
    """Rows as the store keeps them, each fact or few in a batch of their own."""

    def __init__(self) -> None:
        self.cases: dict[str, Case] = {}
        self.strands: dict[tuple[str, int], Strand] = {}
        self.names: dict[tuple[str, Name], int] = {}
        self.loaded = 0
        self.refused: list[tuple[int, Reason]] = []

    def batch(self, facts: Sequence[RequestFact], world: ReferenceData = WORLD) -> list[CaseEvent]:
        wanted, whole = apply.strand_names(facts, self.cases), apply.gathering(facts, self.cases)
        keys = {(name[0], self.names[name]) for name in wanted if name in self.names}
        keys |= {key for key in self.strands if key[0] in whole}
        self.loaded = sum(len(self.strands[key].kept) for key in keys)
        named = {fact.subject for fact in facts}
        shelf = Shelf([c for s, c in self.cases.items() if s in named], [self.strands[key] for key in keys])
        outcome = apply.run(facts, shelf, world, NOW)
        self.refused = outcome.refused
        self.take(shelf, outcome.cases)
        return outcome.events

    def take(self, shelf: Shelf, cases: dict[str, Case] | None = None) -> None:
        self.cases |= shelf.cases if cases is None else cases
        for key, strand in shelf.changed.items():
            self.strands.pop(key, None)
            if strand is not None:
                self.strands[key] = strand
        for name, number in shelf.named.items():
            self.names.pop(name, None)
            if number is not None:
                self.names[name] = number


def lots(facts: Sequence[RequestFact], rng: Random) -> Iterator[Sequence[RequestFact]]:
    at = 0
    while at < len(facts):
        size = rng.randint(1, 4)
        yield facts[at : at + size]
        at += size


def mixed(seed: int) -> list[Any]:
    """An organ's own facts beside those of a request some of which came before it, and under which tallies came too."""
    rng = Random(seed)
    facts = history(seed)
    before = [decided("q", "R"), filed("q", "R"), retracted(filed("x", "R")), decided("p", "R")]
    after = [fact("review-decided", "R", {"review": "p", "decided_on": "2024-03-01", "result": "other"})]
    late = tally(3, "R")
    after += [late, correction := corrected(late, count=4), corrected(correction), decided("z", "R")]
    request = [*rng.sample(before, 3), fact_of(received("R", "2023-03-01")), *rng.sample(after, len(after))]
    places = sorted(rng.randint(0, len(facts)) for _ in request)
    for n, (place, each) in enumerate(zip(places, request, strict=True)):
        facts.insert(place + n, each)
    return facts


def fact_of(sent: dict[str, Any]) -> Any:
    return fact(sent["type"].removeprefix("org.shixian.").removesuffix(".v1"), sent["subject"], sent["data"])


@pytest.mark.parametrize("seed", range(80))
def test_a_batch_needs_no_more_than_what_it_names(seed: int) -> None:
    """Would fail if a strand that a fact belongs to were not loaded, or a row of it not written."""
    facts, tables, events = mixed(seed), Tables(), []
    for lot in lots(facts, Random(seed)):
        events += tables.batch(lot)
    shelf, expected = in_strands(facts)
    assert events == expected
    assert tables.cases == shelf.cases
    assert tables.strands == {(s, n): x for s, strands in shelf.strands.items() for n, x in strands.items()}
    assert tables.names == {
        (s, name): n
        for s, strands in shelf.strands.items()
        for n, x in strands.items()
        for kept in x.kept
        for name in names(kept.fact)
    }


def refolded(events: Sequence[CaseEvent], reference: Sequence[tuple[int, ReferenceFact]]) -> Refold:
    refold = Refold(0)
    records = [SimpleNamespace(value=encode(e), topic="c", partition=0, offset=n) for n, e in enumerate(events)]
    refold.take(records, problems := TableDiff())
    assert problems.total == 0
    for case in refold.settle(reference):
        refold.shelf.cases[case.subject] = case
    return refold


@pytest.mark.parametrize("seed", range(80))
def test_the_case_topic_alone_gives_the_same_rows(seed: int) -> None:
    shelf, events = in_strands(facts := mixed(seed))
    refold = refolded(events, [(0, REGISTERED)])
    assert refold.shelf.cases == shelf.cases
    assert {s: x for s, x in refold.shelf.strands.items() if x} == {s: x for s, x in shelf.strands.items() if x}
    refs = Refs(refold)
    assert all(refs.holds(each.subject, each.source, each.id) for each in facts)


@pytest.mark.parametrize("seed", range(40))
def test_what_came_before_its_request_is_in_its_case_in_the_order_of_arrival(seed: int) -> None:
    of_request = [each for each in mixed(seed) if each.subject == "R"]
    shelf, events = in_strands(of_request)
    case, expected = in_one_row(of_request)
    kept = shelf.case("R")
    assert kept.facts == case.facts and kept.view == case.view
    assert alike(events) == alike(expected)
    assert {len(s.kept) for s in shelf.strands["R"].values()} <= {1} and kept.apart == len(shelf.strands["R"])


@pytest.mark.parametrize("tally_first", [True, False])
def test_within_a_subject_the_first_fact_of_a_name_holds_it(tally_first: bool) -> None:
    """A review and a tally shared a source and id: the audit said DIFFERENT for ever."""
    pair = [tally(id="same"), filed("r1", id="same")]
    both = pair if tally_first else pair[::-1]
    shelf, events = in_strands(both)
    assert events[0].data.fact == both[0]
    (told,) = events[1:]
    assert isinstance(told, FactRejected) and told.data.remark is not None and told.data.remark.code == "id-conflict"
    assert [kept.fact for s in shelf.strands[CODE].values() for kept in s.kept] == [both[0]]
    refs = Refs(refolded(events, [(0, REGISTERED)]))
    assert all(refs.holds(each.subject, each.source, each.id) for each in both)
    assert not refs.holds("other", both[0].source, "same")


def test_the_same_name_under_two_organs_is_two_facts() -> None:
    tables = Tables()
    events = tables.batch([tally(1, id="same")]) + tables.batch([tally(2, "other", id="same")])
    assert [e.data.counted and e.data.counted.count for e in events if isinstance(e, TallyCounted)] == [1, 2]
    amends = {"source": "urn:shixian:test", "id": "same"}
    gone = tables.batch([fact("fact-retracted", "other", {"amends": amends, "reason": "twice"})])
    assert [(e.subject, e.data.counted) for e in gone if isinstance(e, TallyCounted)] == [("other", None)]


def test_what_both_had_under_an_earlier_release_is_folded_as_it_was_decided() -> None:
    """It let a review take the name of a tally; both stand in its log."""
    pair = [tally(id="same"), filed("r1", id="same")]
    events = [e for number, each in enumerate(pair) for e in _carried(each, number + 1)]
    shelf = refolded(events, [(0, REGISTERED)]).shelf
    (strand,) = shelf.strands[CODE].values()
    assert [kept.fact for kept in strand.kept] == pair
    _, tallies = shelf.open(pair[1], WORLD)
    assert list(tallies.values()) == pair[:1]


def _carried(each: RequestFact, number: int) -> Iterator[CaseEvent]:
    for event in in_strands([each])[1]:
        yield replace(event, sequence=number)


def test_an_organ_registered_after_its_reviews_is_an_organ_once_the_clock_looks() -> None:
    shelf, events = in_strands([filed("r1")], ReferenceData())
    case = shelf.case(CODE)
    assert (case.view.state, case.view.waiting_for) == ("waiting", "request-received")
    after, said, wake = tick(case, WORLD, NOW)
    assert (after.view.state, after.view.waiting_for, wake) == ("organ", "", None)
    assert [type(e) for e in said] == [FactRecorded]
    assert tick(after, WORLD, NOW)[1] == []
    at_once, _ = in_strands([filed("r1")])
    assert at_once.case(CODE).view == after.view
    assert refolded([*events, *said], [(0, REGISTERED)]).shelf.case(CODE) == after


@pytest.mark.parametrize(
    ("before", "world"),
    [([tally()], ReferenceData()), ([filed("r1")], ReferenceData()), ([decided("r1")], WORLD), ([], WORLD)],
)
def test_a_request_under_an_organ_s_code_is_refused(before: list[Any], world: ReferenceData) -> None:
    """It would make a request of the organ, whose reviews then were the request's, and one row again."""
    shelf, _ = in_strands(before, world)
    found = apply.run([fact_of(answered(CODE, "2023-03-10"))], shelf, world, NOW)
    assert [place for place, reason in found.refused if "is an organ's code" in reason.text] == [0]
    assert not found.events
    assert shelf.case(CODE).facts == ()


def test_a_request_after_more_facts_than_any_request_has_is_refused_and_they_are_not_loaded() -> None:
    tables = Tables()
    tables.batch([decided(f"r{n}", "R") for n in range(MOST_BEFORE + 1)])
    tables.batch([fact_of(received("R", "2023-03-01"))])
    assert len(tables.refused) == 1
    assert f"has {MOST_BEFORE + 1} facts and no request" in tables.refused[0][1].text
    assert tables.loaded == 0


def filled(count: int) -> Tables:
    """An organ with so many reviews, each filed, as the tables hold them."""
    (event,) = in_strands([first := filed("r0")])[1]
    tables, shelf = Tables(), Shelf()
    for n in range(count):
        one = replace(first, id=f"f{n}", data=replace(first.data, review=f"r{n}"))
        shelf.replay(replace(event, sequence=n + 1, data=replace(event.data, fact=one)))
    tables.take(shelf)
    return tables


def test_the_20000th_review_of_an_organ_costs_like_the_first_and_like_a_request() -> None:
    """Time is compared with time inside this run only; what is loaded and how large rows are, exactly."""
    few, many, requests = Tables(), filled(20_000), Tables()
    spent: dict[str, list[float]] = {"few": [], "many": [], "requests": []}
    for lot in range(7):
        reviews = [each for n in range(50) for each in (filed(f"n{lot}/{n}"), decided(f"n{lot}/{n}"))]
        received_ = [fact_of(received(f"R{lot}/{n}", "2023-03-01")) for n in range(100)]
        for name, tables, facts in (("few", few, reviews), ("many", many, reviews), ("requests", requests, received_)):
            began = time.process_time()
            tables.batch(facts)
            spent[name].append(time.process_time() - began)
            assert tables.loaded == 0
    few_, many_, requests_ = (sorted(times)[3] for times in spent.values())
    assert many_ < 3 * few_ and many_ < 5 * requests_
    many.batch([corrected(filed("r7", id="new")), decided("r9"), decided("n1/1")])
    assert many.loaded == 1 + 1 + 2
    assert len(many.strands) == 20_000 + 7 * 50
    assert len(encode_case(many.cases[CODE])) < 1000
    sizes = {len(encode_strand(strand)) for strand in many.strands.values()}
    assert max(sizes) < 2000


def test_one_review_posted_again_and_again_is_folded_fact_by_fact() -> None:
    """A log of an earlier release may hold a strand of any size: the start must get through it, so no fact of it is
    named again with each that comes."""
    (event,) = in_strands([first := filed("same")])[1]
    shelf, asked = Shelf(), list[Any]()

    def counted(fact: Any) -> list[Name]:
        asked.append(fact)
        return names(fact)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(strands, "names", counted)
        for n in range(1, 1001):
            shelf.replay(replace(event, sequence=n, data=replace(event.data, fact=replace(first, id=f"f{n}"))))
    assert len(shelf.strands[CODE][1].kept) == 1000
    assert len(asked) <= 2 * 1000


def test_a_fact_is_linked_by_what_it_and_its_correction_name() -> None:
    of = filed("a")
    assert names(of) == [(of.source, of.id), ("", "a")]
    first = corrected(of, review="b")
    assert names(first)[1:] == [(of.source, of.id), ("", "b")]
    second = corrected(first, data={"review": "c"})
    assert ("", "c") in names(second)
    odd = fact("fact-corrected", CODE, {"amends": {"source": "s", "id": "x"}, "data": {"review": ["no", "id"]}})
    assert names(odd)[1:] == [("s", "x")]
    assert names(replace(odd, data=replace(odd.data, data={"review": "x" * 300})))[1:] == [("s", "x")]


def test_an_audit_tells_bodies_that_differ_from_those_that_only_lack_a_default() -> None:
    """A changed event was taken for equal if its subject and number were the same: all bodies were read as cases."""
    shelf, (event,) = in_strands([filed("r1")])
    other = replace(event, data=replace(event.data, as_of=date(2023, 3, 9)))
    assert "data.as_of" in str(explained("events")("body", encode(other), encode(event)))
    strand = shelf.strands[CODE][1]
    more = replace(strand, kept=strand.kept * 2)
    assert "kept" in str(explained("strands")("body", encode_strand(more), encode_strand(strand)))
    body = encode_case(shelf.case(CODE))
    assert "apart" in str(explained("cases")("body", body.replace(b'"apart":1', b'"apart":2'), body))
    assert explained("cases")("body", b'{"subject":"R"}', encode_case(Case(subject="R"))) is None
