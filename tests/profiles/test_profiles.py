import pytest
import yaml

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
