from tests.house.drawing import FENCE, PAGE, drawing


def test_the_drawing_in_the_docs_is_the_import_graph():
    found = FENCE.search(PAGE.read_text("utf-8"))
    assert found is not None
    assert found.group() == drawing(), "python -m tests.house.drawing"
