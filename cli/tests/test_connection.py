"""What the commands read from a door."""

from typing import Any

from paceline.connection import Connection

PAGES: dict[Any, tuple[list[dict[str, Any]], Any]] = {
    None: ([{"goal": "1"}], "a"),
    "a": ([], "b"),
    "b": ([{"goal": "2"}], "c"),
    "c": ([], "c"),
}


class Pages(Connection):
    """A door that answers with PAGES by their cursors."""

    def get(self, path: str, **query: Any) -> Any:
        items, following = PAGES[query["after"]]
        return {"items": items, "next": following}


def test_a_page_without_items_ends_no_list_and_one_that_is_followed_by_itself_does() -> None:
    found = [each["goal"] for each in Pages("http://x", "key").items("/v1/lights")]
    assert found == ["1", "2"]
