import pytest
import yaml

from frugal_lib.core.fetch import DataError
from frugal_lib.profiles import FOLDER, ProfileError, load_profile, names


def test_the_profiles_load():
    assert names() == ["micro", "paper", "small", "smoke"]
    for name in names():
        assert load_profile(name).name == name


def changed(tmp_path, change):
    content = yaml.safe_load((FOLDER / "smoke.yaml").read_text())
    change(content)
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(content))
    return str(path)


def test_a_file_of_ones_own_is_a_profile(tmp_path):
    path = changed(tmp_path, lambda content: content["sonnets"].update(epochs=7))
    assert load_profile(path).sonnets.epochs == 7


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c.update(bass="micro"), "key 'bass' is unknown"),
        (lambda c: c["sonnets"].update(epoch=3), "key 'sonnets.epoch' is unknown"),
        (lambda c: c["sonnets"].update(epochs="many"), "key 'sonnets.epochs' is wrong"),
        (lambda c: c["lora"]["bases"]["nano"].update(rank=8), "key 'lora.bases.nano.rank' is unknown"),
        (lambda c: c.pop("base"), "key 'base' is missing"),
        (lambda c: c.update(edition="first folio"), "key 'edition' is wrong"),
    ],
)
def test_a_wrong_key_is_named(tmp_path, change, words):
    path = changed(tmp_path, change)
    with pytest.raises(ProfileError, match=words) as error:
        load_profile(path)
    assert "mine.yaml" in str(error.value)


def test_an_unknown_profile_lists_the_known_ones():
    with pytest.raises(ProfileError, match="choose one of micro, paper, small, smoke"):
        load_profile("huge")


@pytest.mark.parametrize("folder", ["../elsewhere", "/tmp/elsewhere", "results/../../elsewhere", "."])
def test_results_outside_the_project_are_refused_unless_they_are_asked_for(tmp_path, folder):
    profile = load_profile(changed(tmp_path, lambda content: content.update(results=folder)))
    with pytest.raises(ProfileError, match=f"results: '{folder}' lies outside the project; name a folder in it, or"):
        profile.results_folder()
    assert profile.results_folder(tmp_path / "results") == tmp_path / "results"


NAN = float("nan")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c["sonnets"].update(learning_rates=[NAN]), "key 'sonnets.learning_rates.0' is wrong: .*finite.*nan"),
        (lambda c: c["sonnets"].update(learning_rates=[-1e-4]), "greater than 0; it is -0.0001"),
        (lambda c: c["lora"]["bases"]["nano"].update(learning_rates=[float("inf")]), "finite number; it is inf"),
        (lambda c: c["quantization"]["bases"]["nano"].update(full_learning_rate=0), "greater than 0; it is 0"),
        (lambda c: c["synthetic"]["bases"]["nano"].update(long_learning_rate=NAN), "long_learning_rate' is wrong"),
        (lambda c: c["folds"]["bases"]["nano"].update(full_learning_rates=[]), "full_learning_rates' is wrong"),
        (lambda c: c["sonnets"].update(epochs=0), "sonnets.epochs' is wrong: .*greater than or equal to 1; it is 0"),
        (lambda c: c["sonnets"].update(epochs=10**30), "less than or equal to 1000000000; it is 1000000000000"),
        (lambda c: c["sonnets"].update(patience=-3), "patience' is wrong: .*greater than or equal to 0; it is -3"),
        (lambda c: c["sonnets"].update(dropout=1), "dropout' is wrong: .*less than 1; it is 1"),
        (lambda c: c["labelled"]["quora"].update(dropout=-0.1), "labelled.quora.dropout' is wrong: .*it is -0.1"),
        (lambda c: c["labelled"]["sst"].update(edition="folio"), "sst.edition' is wrong: .*vader; it is 'folio'"),
        (lambda c: c["labelled"]["sst"].update(edition="written"), "'labelled.sst.edition' is wrong: .*vader; it is"),
        (lambda c: c.update(base="gpt9"), "key 'base' is wrong: base 'gpt9' is unknown; choose one of"),
        (lambda c: c["what_breaks"]["bases"].update(x=c["what_breaks"]["bases"]["nano"]), "what_breaks.bases' is"),
        (lambda c: c["quantization"].update(formats=["int3"]), "'quantization.formats' is wrong: 'int3' is unknown"),
        (lambda c: c["folds"].update(count=1), "'folds.count' is wrong: .*greater than or equal to 2; it is 1"),
        (lambda c: c["what_breaks"]["bases"]["nano"].update(doses={"2x1": 0}), "doses.2x1' is wrong: .*it is 0"),
    ],
)  # fmt: skip
def test_what_is_out_of_range_is_refused_with_its_value_and_its_range(tmp_path, change, words):
    path = changed(tmp_path, change)
    with pytest.raises(ProfileError, match=words) as error:
        load_profile(path)
    assert "mine.yaml: key" in str(error.value) and len(str(error.value)) < 500


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("a: " + "[" * 5000, "nested too deeply"),
        ("name: x\nseeds: " + "9" * 5000, "line 2: not YAML: not a value .Exceeds the limit"),
        ("name: !!bool maybe", "line 1: not YAML: not a value"),
        ("name: !!timestamp soon", "line 1: not YAML: not a value"),
        ("name: x\nbase: [", "line 2: not YAML"),
        ("name: !!python/object:os.system x", "line 1: not YAML: could not determine a constructor"),
        ("name: \x01", "not YAML"),
        ("- 1", "key 'the file' is wrong"),
        ("", "key 'the file' is wrong"),
        ("x" * 2_000_000, "larger than 1 MB"),
        ("name: caf\xe9".encode("latin-1"), "not UTF-8 text"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(tmp_path, content, words):
    path = tmp_path / "mine.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises((ProfileError, DataError), match=words) as error:
        load_profile(str(path))
    assert "mine.yaml" in str(error.value) and len(str(error.value)) < 500 and "\n" not in str(error.value)


def test_a_number_of_any_length_is_out_of_range(tmp_path):
    text = (FOLDER / "smoke.yaml").read_text().replace("epochs: 2", f"epochs: 0x{'f' * 6000}", 1)
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(ProfileError, match=r"'sonnets\.epochs' is wrong: .*; it is a number of thousands of digits"):
        load_profile(str(tmp_path / "mine.yaml"))


def test_a_name_may_look_like_a_date(tmp_path):
    text = (FOLDER / "smoke.yaml").read_text().replace("name: smoke", "name: 2024-13-45")
    (tmp_path / "mine.yaml").write_text(text, encoding="utf-16")
    assert load_profile(str(tmp_path / "mine.yaml")).name == "2024-13-45"
