"""The shares of a table: each row is in one of them, the same on both sides."""

from services.runtime.table_diff import WHOLE, Share, Table

TABLE = Table("cases", ("subject", "number"), {"body": "body"}, texts=frozenset({"subject"}))


def test_a_share_narrows_both_sides_by_the_same_rule_beside_any_other_condition() -> None:
    whole = TABLE.query("a")
    assert TABLE.query("a", share=WHOLE) == whole and "WHERE" not in whole
    rule = "(hashtextextended(subject::text, 0) & 1073741823) % 3 = 1"
    assert f"WHERE {rule} ORDER BY" in TABLE.query("a", share=Share(1, 3))
    assert f"WHERE number > 1 AND {rule} ORDER BY" in TABLE.query("b", "number > 1", Share(1, 3))
