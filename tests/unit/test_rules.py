"""An office's own files: they add to those that ship, or take their place; a bad one is refused whole at start."""

from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli import app
from services.stats import in_force
from services.stats.forms import form
from services.statute import rules
from services.statute.calendars import calendar_ids, shipped
from services.statute.errors import BadData
from services.statute.office.supervision import warned_before
from services.statute.versions import profile_for, profiles, statute_ids

CN = (resources.files("services.statute") / "profiles" / "CN-2019.toml").read_text("utf-8")
FORM = (resources.files("services.stats") / "forms" / "cn-gz-2013.toml").read_text("utf-8")
OWN = {
    "statutes/CN-2019.toml": CN + "\n[warnings]\nladder = [5, 10]\n",
    "statutes/CITY.toml": CN.replace("CN-2019", "CITY")
    .replace('statute = "CN"', 'statute = "CITY"')
    .replace("= 20\n", "= 7\n", 1),
    "calendars/CITY.toml": (
        'id = "CITY"\ntitle = { zh = "市", en = "City" }\nsource = "a test"\nweekend = ["saturday", "sunday"]\n'
        "published_from = 2020\npublished_through = 2030\n"
    ),
    "forms/city-1.toml": FORM.replace('id = "cn-gz-2013"', 'id = "city-1"'),
    "scenarios/city.toml": (
        '[[scenario]]\nname = "seven days"\nsource = "CITY art 33"\nstatute = "CITY"\nas_of = 2025-03-03\n'
        'facts = [ { type = "request-received", data = { organ = "o", channel = "in-person", '
        'applicant = "business", submitted_on = 2025-03-03 } } ]\n[scenario.expected]\ndue_on = 2025-03-12\n'
    ),
}


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Path]:
    write(tmp_path, OWN)
    yield tmp_path
    rules.use(rules.Rules())


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, "utf-8")


def test_own_files_add_and_replace(office: Path) -> None:
    before = rules.current().digest
    in_force.use(str(office))
    assert warned_before(profiles()["CN-2019"], "o") == (10, 5), "the file that ships is replaced"
    assert warned_before(profiles()["CN-2008"], "o") == (5, 3, 1, 0), (
        "and the ladder holds for what has no own warnings"
    )
    assert "CITY" in statute_ids()
    assert "CITY" in calendar_ids()
    assert "CN" in calendar_ids(), "what has no file of the office's stays"
    assert shipped("CITY").published_through.year == 2030
    assert form.load("city-1").id == "city-1"
    assert profile_for("CITY", shipped("CITY").published_through).answer.amount == 7
    assert rules.current().digest != before


def test_taking_the_folder_away_forgets_it(office: Path) -> None:
    in_force.use(str(office))
    rules.use(rules.Rules())
    assert "CITY" not in statute_ids()
    assert "city-1" not in form.form_ids()


def test_the_digest_is_that_of_the_content(office: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    write(other, OWN)
    assert rules.opened(office).digest == rules.opened(other).digest
    write(other, {"statutes/CITY.toml": OWN["statutes/CITY.toml"] + "# a remark\n"})
    assert rules.opened(office).digest != rules.opened(other).digest


BAD = [
    (
        "statutes/CITY.toml",
        "amount = 7\n",
        "amount = 0\n",
        "CITY.toml: answer.amount: expected a number from 1 to 3660",
    ),
    ("statutes/CITY.toml", 'calendar = "CN"', 'calendar = "MARS"', "calendar 'MARS' is unknown"),
    ("calendars/CITY.toml", "2030", "soon", "CITY.toml: $: not TOML"),
    ("calendars/CITY.toml", 'id = "CITY"', 'id = "TOWN"', "CITY.toml: id: expected the file's name"),
    ("forms/city-1.toml", 'channel = ["fax"]', 'channel = ["telex"]', "city-1.toml: tables.requests.rows.received.fax"),
]


@pytest.mark.parametrize(("file", "old", "new", "told"), BAD)
def test_a_bad_file_is_one_line_and_exit_code_2(office: Path, file: str, old: str, new: str, told: str) -> None:
    assert old in OWN[file]
    write(office, {file: OWN[file].replace(old, new, 1)})
    found = CliRunner().invoke(app, ["check", "--rules", str(office)])
    assert found.exit_code == 2
    assert told in found.stderr
    assert found.stderr.count("\n") == 1


@pytest.mark.parametrize("name", ["statute/X.toml", "statutes/X.tml"])
def test_what_would_be_overlooked_is_refused(office: Path, name: str) -> None:
    write(office, {name: "x = 1"})
    with pytest.raises(BadData, match=r"unknown folder|expected files named"):
        rules.opened(office)


def test_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="expected a folder"):
        rules.opened(tmp_path / "missing")


def test_check_says_which_scenario_came_out_otherwise(office: Path) -> None:
    good = CliRunner().invoke(app, ["check", str(office / "scenarios/city.toml"), "--rules", str(office)])
    assert good.exit_code == 0, good.output
    assert good.output.startswith("1 scenarios, 0 with another result")
    write(office, {"scenarios/city.toml": OWN["scenarios/city.toml"].replace("2025-03-12", "2025-03-13")})
    bad = CliRunner().invoke(app, ["check", str(office / "scenarios/city.toml"), "--rules", str(office)])
    assert bad.exit_code == 1
    assert "city.toml: seven days: due_on: expected 2025-03-13, found 2025-03-12" in bad.output
    assert "CITY art 33" in bad.output


def test_check_refuses_a_file_that_holds_no_scenarios(office: Path) -> None:
    write(office, {"scenarios/city.toml": OWN["scenarios/city.toml"].replace("as_of", "asof")})
    found = CliRunner().invoke(app, ["check", str(office / "scenarios/city.toml"), "--rules", str(office)])
    assert found.exit_code == 2
    assert "scenario[0].asof: unknown key" in found.stderr
    missing = CliRunner().invoke(app, ["check", str(office / "none.toml")])
    assert missing.exit_code == 2


def test_due_counts_by_the_offices_own_statute(office: Path) -> None:
    asked = ["due", "--statute", "CITY", "--received", "2025-03-03", "--json"]
    assert CliRunner().invoke(app, asked).exit_code == 2
    found = CliRunner().invoke(app, [*asked, "--rules", str(office)])
    assert '"due_on": "2025-03-12"' in found.output
