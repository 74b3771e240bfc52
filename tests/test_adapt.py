import pytest

from frugal_lib import adapt


def test_full_fine_tuning_trains_every_parameter(tiny):
    tiny.requires_grad_(False)
    assert adapt.trainable_parameters(tiny) == 0
    assert adapt.trainable_parameters(adapt.adapt(tiny, "full")) == tiny.num_parameters()


def test_an_unknown_method_is_one_sentence(tiny):
    with pytest.raises(ValueError, match="method 'half' is unknown; choose one of full"):
        adapt.adapt(tiny, "half")
