import pytest
import torch
from fakes.families import greedy_tokenizer
from scipy import stats
from transformers import TopKLogitsWarper, TopPLogitsWarper

from frugal_lib.models import bases, cache
from frugal_lib.models.generate import Decoding, GumbelNoise, StopAfterLines, TopP, complete, stream_seed

GREEDY = Decoding(temperature=0, max_new_tokens=40)
SAMPLED = Decoding(max_new_tokens=40)


@pytest.fixture(scope="module")
def micro():
    return bases.load_model("micro")


@pytest.mark.parametrize("decoding", [GREEDY, SAMPLED], ids=["greedy", "sampled"])
def test_a_completion_is_the_same_alone_and_among_twelve(micro, tokenizer, sonnets, decoding):
    prompts = [sonnet.given + "\n" for sonnet in sonnets.dev]
    seeds = [stream_seed("test", sonnet.id) for sonnet in sonnets.dev]
    lengths = {len(tokenizer.encode(prompt)) for prompt in prompts}
    assert len(prompts) == 12 and len(lengths) > 1  # so that padding is really needed
    together = complete(micro, tokenizer, prompts, seeds, 11, decoding, batch_size=12)
    alone = complete(micro, tokenizer, prompts, seeds, 11, decoding, batch_size=1)
    assert together == alone
    assert len(set(together)) > 6


def test_samples_differ_by_seed_and_only_by_seed(micro, tokenizer):
    prompt = ["Shall I compare thee to a summer's day?\n"] * 3
    first, again, other = complete(micro, tokenizer, prompt, [1, 1, 2], 11, SAMPLED)
    assert first == again != other


def test_writing_stops_after_the_wanted_lines(micro, tokenizer):
    (text,) = complete(micro, tokenizer, ["From fairest creatures we desire increase,\n"], [0], 2, SAMPLED)
    assert len(text.splitlines()) <= 2


def test_line_ends_are_counted_inside_longer_tokens_and_not_in_the_prompt():
    tokenizer = greedy_tokenizer()
    prompt, one, two = (tokenizer.encode(text) for text in ("a rose,\nAnd ", "love,\nAnd ", "love,\nAnd dove,\nAnd "))
    assert not any(tokenizer.decode([token]) == "\n" for token in two)
    rows = torch.tensor([prompt + row + [tokenizer.eos_token_id] * (len(two) - len(row)) for row in (one, two)])
    assert StopAfterLines(tokenizer, 2, len(prompt))(rows, None).tolist() == [False, True]


def test_a_prompt_that_fills_the_model_is_refused(tiny, tokenizer):
    with pytest.raises(ValueError, match="this model reads 256"):
        complete(tiny, tokenizer, ["word " * 400], [0], 11, GREEDY)


def test_gumbel_noise_draws_from_the_softmax():
    logits = torch.log(torch.tensor([[0.5, 0.25, 0.15, 0.1]])).expand(4000, 4)
    draws = GumbelNoise(range(4000))(None, logits).argmax(dim=1)
    counts = torch.bincount(draws, minlength=4).tolist()
    assert stats.chisquare(counts, [2000, 1000, 600, 400]).pvalue > 0.001


def test_top_p_is_transformers_own_to_the_bit():
    """After top-k, with equal scores among those kept and where the vocabulary is not cut."""
    torch.manual_seed(0)
    for width, top_k, digits in ((7040, 40, 6), (50_257, 40, 6), (7040, 40, 1), (300, 0, 6), (300, 200, 6)):
        for top_p in (0.9, 0.5, 0.01):
            scores = (4 * torch.randn(12, width)).round(decimals=digits)
            if top_k:
                scores = TopKLogitsWarper(top_k)(None, scores)
            assert torch.equal(TopP(top_p)(None, scores), TopPLogitsWarper(top_p)(None, scores))


def test_a_growing_cache_gives_the_scores_of_transformers_own_to_the_bit(micro, tokenizer, sonnets, monkeypatch):
    """Records of completions were made with that one. Prompts of unlike length, over the edges of two stores."""
    monkeypatch.setattr(cache, "ROOM", 6)
    batch = tokenizer([s.text[: 60 + 9 * i] for i, s in enumerate(sonnets.dev)], return_tensors="pt", padding=True)
    settings = {"do_sample": False, "max_new_tokens": 16, "min_new_tokens": 16}
    settings |= {"output_scores": True, "return_dict_in_generate": True}
    ours = micro.generate(**batch, **settings, past_key_values=cache.growing_cache(micro.config))
    theirs = micro.generate(**batch, **settings)
    assert torch.equal(ours.sequences, theirs.sequences)
    assert all(map(torch.equal, ours.scores, theirs.scores))
    kept = ours.past_key_values.layers
    assert all(isinstance(layer, cache.GrowingLayer) and layer.keys.shape == layer.values.shape for layer in kept)


def test_a_store_is_copied_only_when_it_is_full():
    layer, new = cache.GrowingLayer(), torch.randn(2, 3, 1, 4)
    places = []
    for _ in range(2 * cache.ROOM):
        keys, _ = layer.update(new, new)
        places.append(keys.data_ptr())
    assert keys.shape == (2, 3, 2 * cache.ROOM, 4) and torch.equal(keys, new.expand_as(keys))
    assert len(dict.fromkeys(places)) == 2
