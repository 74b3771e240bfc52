import pytest

from frugal_lib.core.files import replacing, write_text


def test_a_file_is_replaced_in_full_or_not_at_all(tmp_path):
    path = tmp_path / "below" / "name.json"
    write_text(path, "first")
    with pytest.raises(RuntimeError), replacing(path) as temporary:
        temporary.write_text("half of the sec")
        raise RuntimeError
    assert path.read_text() == "first" and [p.name for p in path.parent.iterdir()] == ["name.json"]
    write_text(path, "second")
    assert path.read_text() == "second" and path.stat().st_mode & 0o777 == 0o644
