"""Trainers of other packages, where they are installed, are watched as one's own loop is."""

import os

import numpy as np
import pytest
import torch

import engines
from engines.core.watch import callbacks
from engines.core.watch.watch import Watch

pytestmark = pytest.mark.filterwarnings("ignore")  # what other packages say of one another

SAMPLES, CLASSES = 60, 3


@pytest.fixture(autouse=True)
def time_enough(monkeypatch):
    """Everything is measured at every step."""
    monkeypatch.setattr(Watch, "elapsed", 1e9)


def samples():
    torch.manual_seed(0)
    return torch.randn(SAMPLES, 5), torch.arange(SAMPLES) % CLASSES


def network():
    return torch.nn.Sequential(torch.nn.Linear(5, 6), torch.nn.Tanh(), torch.nn.Linear(6, CLASSES))


def per_sample(outputs, target):
    return torch.nn.functional.cross_entropy(getattr(outputs, "logits", outputs), target, reduction="none")


def sharpness(subject):
    """The largest eigenvalue of the dense Hessian of the mean loss."""
    H = torch.autograd.functional.hessian(subject.mean_loss, subject.theta)
    return torch.linalg.eigvalsh(H.double())[-1].item()


def test_lightning(tmp_path):
    L = pytest.importorskip("lightning.pytorch")
    X, y = samples()

    class Module(L.LightningModule):
        def __init__(self):
            super().__init__()
            self.net, self.losses = network(), []

        def training_step(self, batch, index):
            if len(self.losses) == 8:
                raise ValueError("boom")
            loss = per_sample(self.net(batch[0]), batch[1]).mean()
            self.losses.append(loss.item())
            return loss

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.2)

    def fitted(epochs):
        module, file = Module(), tmp_path / f"{epochs}.parquet"
        eye = engines.watch(module.net, (X, y), per_sample, eta=0.2, features=["1"], file=file)
        quiet = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
        loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(X, y), 20)
        trainer = L.Trainer(max_epochs=epochs, accelerator="cpu", callbacks=[callbacks.lightning(eye)], **quiet)
        try:
            trainer.fit(module, loader)
        finally:
            run = engines.open(file)
            np.testing.assert_allclose(run["loss"][:, 0], module.losses, rtol=1e-6)
            assert run.interrupted == (epochs > 2) and run.steps.tolist() == list(range(1, len(module.losses) + 1))
        return run, module

    run, module = fitted(2)
    subject = engines.Subject.of(module.net, (X, y), per_sample)
    assert run["sharpness"][-1, 0] == pytest.approx(sharpness(subject), rel=2e-4)
    assert np.isfinite(run["nc1_1"]).all()
    with pytest.raises(ValueError, match="boom"):
        fitted(9)


def test_hugging_face(tmp_path, monkeypatch):
    monkeypatch.setitem(os.environ, "HF_HUB_OFFLINE", "1")
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("accelerate")
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=20, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8,
        max_position_embeddings=8, num_labels=CLASSES, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
        attn_implementation="eager",
    )  # fmt: skip
    model = transformers.BertForSequenceClassification(config)
    whole = {"input_ids": torch.randint(20, (24, 6)), "labels": torch.arange(24) % CLASSES}
    rows = [{name: one[i] for name, one in whole.items()} for i in range(24)]
    losses = []
    model.register_forward_hook(lambda _, __, made: losses.append(made.loss.item()) if made.loss is not None else None)
    eye = engines.watch(model, whole, per_sample, file=tmp_path / "run.parquet", samples=24)
    options = transformers.TrainingArguments(
        str(tmp_path / "out"), max_steps=5, per_device_train_batch_size=8, logging_steps=1, report_to=[], use_cpu=True,
        save_strategy="no", disable_tqdm=True, learning_rate=1e-2,
    )  # fmt: skip
    transformers.Trainer(model, options, train_dataset=rows, callbacks=[callbacks.hugging_face(eye)]).train()
    run = engines.open(tmp_path / "run.parquet")
    assert run.steps.tolist() == [1, 2, 3, 4, 5] and not run.interrupted
    np.testing.assert_allclose(run["loss"][:, 0], losses, rtol=1e-3, err_msg="each loss at its own step")
    subject = engines.Subject.of(model, whole, per_sample)
    assert np.isfinite(run["sharpness"]).all() and run["gradient_norm"][-1, 0] == pytest.approx(
        subject.gradient(subject.theta).norm().item(), rel=1e-4
    )


def test_keras(tmp_path, monkeypatch):
    monkeypatch.setitem(os.environ, "KERAS_BACKEND", "torch")
    keras = pytest.importorskip("keras")
    if keras.backend.backend() != "torch":
        pytest.skip("Keras computes with another backend here")
    X, y = samples()
    keras.utils.set_random_seed(0)
    model = keras.Sequential([
        keras.Input((5,)), keras.layers.Dense(6, activation="tanh"), keras.layers.BatchNormalization(),
        keras.layers.Dense(CLASSES),
    ])  # fmt: skip
    before = model(X.numpy()).detach().clone()
    model.compile(keras.optimizers.SGD(0.2), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    eye = engines.watch(model, (X, y), per_sample, eta=0.2, file=tmp_path / "run.parquet")
    told = []
    tells = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: told.append(logs["loss"]))
    model.fit(X.numpy(), y.numpy(), 20, 3, verbose=0, callbacks=[callbacks.keras(eye), tells])
    run = engines.open(tmp_path / "run.parquet")
    assert run.steps.tolist() == list(range(9)) and not run.interrupted
    np.testing.assert_allclose(run["loss"][:, 0], told, rtol=1e-6)
    assert not torch.allclose(before, model(X.numpy())), "it has learned"
    subject = engines.Subject.of(model, (X, y), per_sample)
    assert subject.name == "Sequential" and subject.P == 6 * 6 + 2 * 6 + 7 * CLASSES
    torch.testing.assert_close(subject.outputs(dict(subject.params), (X, y)), model(X.numpy(), training=False))
    assert run["sharpness"][-1, 0] == pytest.approx(sharpness(subject), rel=2e-4)
    kept = subject.theta
    for variable in model.variables:
        variable.assign(0 * variable.value.detach())
    assert torch.equal(subject.theta, kept) and subject.mean_loss(kept) < np.log(CLASSES), "it is a copy"
