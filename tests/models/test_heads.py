import pytest
import torch

from frugal_lib.models import bases
from frugal_lib.models import heads as model_heads

TEXTS = ["a fine film", "the dullest film that I have sat through in a long and weary year", "no"]


def batch(tokenizer, side):
    """The texts as one batch, padded on one side."""
    tokenizer.padding_side = side
    return dict(tokenizer(TEXTS, return_tensors="pt", padding=True))


@pytest.fixture
def sided():
    return bases.load_tokenizer("micro")  # one of its own: the test changes its side


@pytest.mark.parametrize("make", [
    lambda: model_heads.classifier("micro", 5, 0.0, seed=0),
    lambda: model_heads.cloze("micro", (" no", " yes"), 0.0),
])  # fmt: skip
def test_padding_on_either_side_gives_the_logits_of_each_text_alone(sided, make):
    model = make()
    labels = torch.zeros(len(TEXTS), dtype=torch.long)
    with torch.no_grad():
        left, right = (model(labels, **batch(sided, side))["logits"] for side in ("left", "right"))
        alone = [model(labels[:1], **sided(text, return_tensors="pt"))["logits"] for text in TEXTS]
    assert torch.allclose(left, right, atol=1e-4)
    assert torch.allclose(left, torch.cat(alone), atol=1e-4)
    assert (left[0] - left[1]).abs().max() > 1e-2  # and the texts differ


def test_the_cloze_reads_the_words_of_the_language_model(sided):
    model, whole = model_heads.cloze("micro", (" no", " yes"), 0.0), bases.load_model("micro")
    ids = sided("Is it so, yes or no?", return_tensors="pt")
    with torch.no_grad():
        ours = model(torch.tensor([1]), **ids)
        logits = whole(**ids).logits[0, -1]
    words = [sided.encode(word)[0] for word in (" no", " yes")]
    assert torch.allclose(ours["logits"][0], logits[words], atol=1e-4)
    # the loss is that of the language model: all words compete
    assert ours["loss"].item() == pytest.approx(-logits.log_softmax(0)[words[1]].item(), abs=1e-4)


def test_a_word_of_several_tokens_is_refused():
    with pytest.raises(ValueError, match="must each be one token"):
        model_heads.cloze("micro", (" no", " absolutely so"), 0.0)


def test_the_head_depends_on_the_seed_alone():
    heads = [model_heads.classifier("micro", 2, 0.0, seed).head.weight for seed in (0, 0, 1)]
    assert torch.equal(heads[0], heads[1]) and not torch.equal(heads[0], heads[2])
