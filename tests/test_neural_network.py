"""Nets: what they take and give, what they keep, and that a request is all or nothing."""

import copy
import pickle
import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler, scale

from skunlearn.exceptions import NotLearnedError, UnlearningError
from skunlearn.pipeline import make_pipeline as unlearning_pipeline
from skunlearn.preprocessing import StandardScaler as ExactScaler

torch = pytest.importorskip("torch")
skorch = pytest.importorskip("skorch")

from skunlearn.neural_network import (  # noqa: E402
    Batches,
    FineTune,
    GradientAscent,
    HeldOut,
    NeuralNetClassifier,
    NeuralNetRegressor,
    ShuffledBatches,
    Unlearner,
)

QUICK = {"max_epochs": 8, "lr": 0.005, "hidden_layer_sizes": (32,), "random_state": 0}
STEP = GradientAscent(n_epochs=1, stopping=None)


class Convolutions(torch.nn.Module):
    """Two small convolutions for digits of 8 × 8."""

    def __init__(self, out_features):
        super().__init__()
        self.features = torch.nn.Sequential(
            torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU(), torch.nn.Flatten()
        )
        self.head = torch.nn.Linear(4 * 36, out_features)

    def forward(self, X):
        return self.head(self.features(X))


class Softmax(torch.nn.Module):
    """A module that ends in probabilities, as NLLLoss wants it in skorch."""

    def __init__(self, in_features, out_features):
        super().__init__()
        self.layer = torch.nn.Linear(in_features, out_features)

    def forward(self, X):
        return torch.softmax(self.layer(X), dim=1)


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return (X / 16).astype(np.float32), y


@pytest.fixture(scope="module")
def net(digits):
    return NeuralNetClassifier(unlearner=STEP, **QUICK).fit(*digits)


def weights(net):
    return [value.numpy().copy() for value in net.module_.state_dict().values()]


def equal_weights(one, other):
    return all(np.array_equal(a, b) for a, b in zip(weights(one), weights(other), strict=True))


# -- input and output ------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "int64", "uint8", "bool"])
def test_numbers_of_any_type(digits, dtype):
    X, y = digits[0][:200] * 16, digits[1][:200]
    X = (X > 8) if dtype == "bool" else X
    net = NeuralNetClassifier(unlearner=STEP, **QUICK).fit(X.astype(dtype), y)
    reference = NeuralNetClassifier(unlearner=STEP, **QUICK).fit(X.astype("float32"), y)
    np.testing.assert_array_equal(
        net.predict_proba(X.astype(dtype)), reference.predict_proba(X.astype("float32"))
    )
    assert net.unlearn(X[:5].astype(dtype), y[:5]).n_samples_retained_ == 195


@pytest.mark.parametrize("labels", [["a", "bb"], [-1, 7], [False, True], [0.0, 1.0]])
def test_labels_of_any_type(labels):
    X, y = load_breast_cancer(return_X_y=True)
    X, y = scale(X), np.array(labels)[y]
    net = NeuralNetClassifier(unlearner=STEP, **QUICK).fit(X, y)
    assert net.classes_.tolist() == sorted(labels)
    assert net.predict(X).dtype == y.dtype
    assert net.score(X, y) > 0.95  # a positive control: it learns
    assert net.history[-1]["valid_acc"] > 0.85  # skorch's own scoring sees codes
    assert net.unlearn(X[:7], y[:7]).n_samples_retained_ == 562


def test_frames_keep_their_names(digits):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(digits[0][:300]).rename(columns=str)
    net = NeuralNetClassifier(unlearner=STEP, **QUICK).fit(frame, digits[1][:300])
    assert net.feature_names_in_.tolist() == list(frame.columns)
    with pytest.raises(ValueError, match="feature names should match"):
        net.predict(frame[frame.columns[::-1]])
    with pytest.raises(ValueError, match="could not convert string"):
        NeuralNetClassifier(**QUICK).fit(frame.assign(text="a"), digits[1][:300])


def test_images_and_modules_of_ones_own(digits):
    X, y = digits[0].reshape(-1, 1, 8, 8), digits[1]
    net = NeuralNetClassifier(Convolutions, unlearner=STEP, random_state=0, max_epochs=5).fit(X, y)
    assert net.score(X, y) > 0.8
    assert net.unlearn(X[:9], y[:9]).n_samples_retained_ == len(X) - 9
    with pytest.raises(NotLearnedError):
        net.unlearn(X[:9], y[:9])


def test_an_instance_is_copied_and_every_fit_starts_from_it(digits):
    X, y = digits[0][:300], digits[1][:300]
    module = torch.nn.Sequential(torch.nn.Linear(64, 16), torch.nn.ReLU(), torch.nn.Linear(16, 10))
    before = copy.deepcopy(module.state_dict())
    net = NeuralNetClassifier(module, unlearner=STEP, max_epochs=2, random_state=0).fit(X, y)
    assert all(torch.equal(before[k], v) for k, v in module.state_dict().items())
    assert not equal_weights(
        net, NeuralNetClassifier(module, max_epochs=1, unlearner=STEP).fit(X, y)
    )
    assert equal_weights(net, clone(net).fit(X, y))


def test_modules_that_give_probabilities(digits):
    X, y = digits
    net = NeuralNetClassifier(
        Softmax, criterion=torch.nn.NLLLoss, unlearner=STEP, random_state=0, lr=0.01
    ).fit(X, y)
    assert net.score(X, y) > 0.9
    np.testing.assert_allclose(net.predict_proba(X[:5]).sum(axis=1), 1, rtol=1e-5)
    view = net._view(net.module_)
    logits = view.all_outputs(torch.as_tensor(X[:5]))
    # skorch adds the smallest step of float32 before its logarithm
    np.testing.assert_allclose(torch.softmax(logits, 1), net.predict_proba(X[:5]), atol=2e-6)


@pytest.mark.parametrize("shape", [(), (1,), (2,)])
def test_targets_of_regression(shape):
    X, y = load_diabetes(return_X_y=True)
    X, y = scale(X), scale(y)
    Y = np.repeat(y, max(1, *shape, 1)).reshape(-1, *shape) if shape else y
    net = NeuralNetRegressor(unlearner=STEP, **QUICK | {"max_epochs": 20}).fit(X, Y)
    assert net.predict(X).shape == Y.shape
    # a broadcast of (n,) against (n, 1) would leave the mean, and a score of 0
    assert net.score(X, Y) > 0.4
    assert net.unlearn(X[:7], Y[:7]).n_samples_retained_ == 435
    assert not hasattr(net, "predict_proba")


def test_the_parameters_of_skorch_work(digits):
    X, y = digits[0][:400], digits[1][:400]
    stop = skorch.callbacks.EarlyStopping(patience=1, threshold=10.0, threshold_mode="abs")
    net = NeuralNetClassifier(
        unlearner=STEP,
        callbacks=[("stop", stop)],
        optimizer=torch.optim.SGD,
        optimizer__momentum=0.9,
        module__dropout=0.2,
        iterator_train=torch.utils.data.DataLoader,
        iterator_train__shuffle=True,
        **QUICK,
    ).fit(X, y)
    assert len(net.history) < QUICK["max_epochs"]
    assert net.optimizer_.param_groups[0]["momentum"] == 0.9
    assert any(isinstance(part, torch.nn.Dropout) for part in net.module_.modules())
    assert net.unlearn(X[:5], y[:5]).n_samples_retained_ == 395


def test_reduced_precision_and_compilation_are_options(digits):
    X, y = digits[0][:400], digits[1][:400]
    net = NeuralNetClassifier(unlearner=STEP, amp=True, **QUICK).fit(X, y)
    plain = NeuralNetClassifier(unlearner=STEP, **QUICK).fit(X, y)
    proba = net.predict_proba(X)
    assert proba.dtype == np.float32 and not np.array_equal(proba, plain.predict_proba(X))
    assert net.score(X, y) > 0.8


# -- randomness ------------------------------------------------------------------------------


def test_deterministic_under_random_state_and_silent_to_others(digits):
    X, y = digits[0][:300], digits[1][:300]
    nets = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        expected = torch.rand(3, generator=torch.Generator().manual_seed(seed))
        net = NeuralNetClassifier(unlearner=STEP, module__dropout=0.5, **QUICK).fit(X, y)
        nets.append(net.unlearn(X[:9], y[:9]))
        assert torch.equal(torch.rand(3), expected)  # the global generator was left alone
    assert equal_weights(*nets)
    other = clone(nets[0]).set_params(random_state=1).fit(X, y)
    assert not equal_weights(nets[0], other)


def test_held_out_rows_are_of_every_class_and_not_trained_on():
    y = np.repeat([0, 1, 2], [50, 30, 9])
    train, valid = HeldOut(0.1, 0)(np.arange(len(y)), y)
    assert np.bincount(y[valid.indices]).tolist() == [5, 3]
    assert not set(train.indices) & set(valid.indices)
    assert HeldOut(0.0, 0)(np.arange(9), y[:9]) == (pytest.approx(np.arange(9)), None)
    with pytest.raises(ValueError, match=r"Got fraction=1.5"):
        HeldOut(1.5)(np.arange(9), y[:9])


def test_batches_hold_every_row_once_in_an_order_of_their_own_each_pass():
    rows = np.arange(100, dtype=np.float32)[:, None]
    data = skorch.dataset.Dataset(rows, rows[:, 0])
    plain, shuffled = Batches(data, 32), ShuffledBatches(data, 32)
    passes = [torch.cat([X for X, _ in loader])[:, 0] for loader in (plain, shuffled, shuffled)]
    assert passes[0].tolist() == rows[:, 0].tolist()
    assert not torch.equal(passes[1], passes[0]) and not torch.equal(passes[1], passes[2])
    assert all(torch.equal(found.sort().values, passes[0]) for found in passes)


def test_nets_of_other_seeds_hold_out_other_rows(digits):
    X, y = digits[0][:300], digits[1][:300]
    nets = [NeuralNetClassifier(unlearner=STEP, **QUICK | {"random_state": s}) for s in (0, 0, 1)]
    held = [sorted(net.fit(X, y).get_split_datasets(X, y)[1].indices) for net in nets]
    assert held[0] == held[1] != held[2]
    assert [len(net._calibration_) for net in nets] == [len(held[0])] * 3


# -- parameters ------------------------------------------------------------------------------


def test_parameters_of_the_unlearner_before_and_after_fit(digits):
    X, y = digits[0][:300], digits[1][:300]
    net = NeuralNetClassifier(unlearner=GradientAscent(stopping=None), **QUICK)
    net.set_params(unlearner__lr=0.5)
    assert net.unlearner.lr == 0.5 and net.get_params()["unlearner__lr"] == 0.5
    net.fit(X, y).set_params(unlearner__n_epochs=3, unlearner__lr=1e-3)
    assert len(net.unlearn(X[:5], y[:5]).unlearning_history_) == 3
    with pytest.raises(ValueError, match="Invalid parameter 'sigma'"):
        net.set_params(unlearner__sigma=1)
    with pytest.raises(ValueError, match="set unlearner first"):
        NeuralNetClassifier().set_params(unlearner__lr=1)
    with pytest.raises(ValueError, match="expected an instance of an unlearner"):
        NeuralNetClassifier(unlearner="jit").fit(X, y)


def test_grid_search_in_a_pipeline(digits):
    X, y = digits[0][:300], digits[1][:300]
    model = make_pipeline(StandardScaler(), NeuralNetClassifier(unlearner=STEP, **QUICK))
    grid = {
        "neuralnetclassifier__unlearner__lr": [1e-4, 1e-3],
        "neuralnetclassifier__lr": [1e-6, 0.01],
    }
    search = GridSearchCV(model, grid, cv=2).fit(X, y)
    assert search.best_params_["neuralnetclassifier__lr"] == 0.01
    best = search.best_estimator_[-1]
    assert best.unlearn(search.best_estimator_[:-1].transform(X[:5]), y[:5])


def test_pickle_clone_and_safetensors(net, digits, tmp_path):
    X, y = digits
    again = pickle.loads(pickle.dumps(net))
    assert equal_weights(net, again)
    again.unlearn(X[:9], y[:9])
    assert again.n_samples_retained_ == len(X) - 9 and net.n_samples_retained_ == len(X)
    net.save_params(f_params=tmp_path / "weights")
    from safetensors.torch import load_file

    assert set(load_file(tmp_path / "weights")) == set(net.module_.state_dict())
    fresh = clone(net).set_params(random_state=5).fit(X[:100], y[:100])
    fresh.load_params(f_params=tmp_path / "weights")
    assert equal_weights(net, fresh)


def test_what_serves_knows_nothing(net, digits):
    served = net.to_sklearn()
    np.testing.assert_array_equal(served.predict(digits[0]), net.predict(digits[0]))
    with pytest.raises(UnlearningError, match="stripped for serving"):
        served.unlearn(digits[0][:3], digits[1][:3])
    assert not served.history
    assert not [k for k in vars(served) if k in ("_prints_", "_key_", "_calibration_", "_pieces_")]


# -- forgetting ------------------------------------------------------------------------------


def test_forgotten_rows_leave_what_is_kept(digits):
    X, y = digits
    net = NeuralNetClassifier(unlearner=STEP, train_split=HeldOut(0.1, 0), **QUICK).fit(X, y)
    _, valid = HeldOut(0.1, 0)(X, y)
    gone = np.concatenate([valid.indices[:20], np.setdiff1d(np.arange(len(X)), valid.indices)[:30]])
    before = net._calibration_
    net.unlearn(X[gone], y[gone])
    after = net._calibration_
    assert len(before) - len(after) == 20
    assert not np.isin(before.hashes[:20], after.hashes).any()
    np.testing.assert_array_equal(before.counts - after.counts, np.bincount(y[gone], minlength=10))
    assert net.n_samples_retained_ == len(X) - 50
    with pytest.raises(NotLearnedError, match="1 of the 1 rows"):
        net.unlearn(X[gone[:1]], y[gone[:1]])
    residues = net.guarantee_.residues
    assert any("history_" in r for r in residues) and net.guarantee_.kind == "approximate"
    assert not net.optimizer_.state  # momentum and the like knew the rows


class Fails(Unlearner):
    """Ruins the weights, then fails in one of several ways."""

    def __init__(self, how="error"):
        self.how = how

    def _unlearn(self, task):
        with torch.no_grad():
            for parameter in task.net.module.parameters():
                parameter.fill_(np.nan if self.how == "nan" else 0.0)
        if self.how == "error":
            raise RuntimeError("broken")
        if self.how == "interrupt":
            raise KeyboardInterrupt
        if self.how == "loss":
            task.record(loss=float("inf"))


@pytest.mark.parametrize(
    ("how", "error", "message"),
    [
        ("error", RuntimeError, "broken"),
        ("interrupt", KeyboardInterrupt, None),
        ("nan", UnlearningError, "NaN"),
        ("loss", UnlearningError, "The loss became inf at step 0"),
    ],
)
def test_all_or_nothing(digits, how, error, message):
    X, y = digits[0][:300], digits[1][:300]
    net = NeuralNetClassifier(unlearner=Fails(how), **QUICK).fit(X, y)
    before, proba = weights(net), net.predict_proba(X)
    with pytest.raises(error, match=message):
        net.unlearn(X[:5], y[:5])
    assert all(np.array_equal(a, b) for a, b in zip(before, weights(net), strict=True))
    np.testing.assert_array_equal(net.predict_proba(X), proba)
    assert net.n_samples_retained_ == 300
    net.set_params(unlearner=STEP).unlearn(X[:5], y[:5])  # and nothing was lost
    assert not np.array_equal(net.predict_proba(X), proba)


def test_what_is_needed_is_said(net, digits):
    X, y = digits
    with pytest.raises(UnlearningError, match="FineTune needs the rows that remain"):
        copy.deepcopy(net).set_params(unlearner=FineTune()).unlearn(X[:5], y[:5])
    with pytest.raises(ValueError, match="requires the targets of the rows to forget: pass y"):
        net.unlearn(X[:5])
    with pytest.raises(ValueError, match="y_retain without X_retain"):
        net.unlearn(X[:5], y[:5], y_retain=y[5:])
    with pytest.raises(UnlearningError, match="1 of the 10 rows in X_retain are among the rows"):
        copy.deepcopy(net).set_params(unlearner=FineTune(stopping=None)).unlearn(
            X[:5], y[:5], X_retain=X[4:14], y_retain=y[4:14]
        )
    with pytest.raises(ValueError, match=r"Got the labels \[11\]"):
        net.unlearn(X[:1], [11])


class NeedsCurvature(GradientAscent):
    """Asks for something that is not kept by default."""

    requires_kept = ("nothing_of_the_kind",)


def test_what_was_not_kept_is_missed(net, digits):
    X, y = digits
    with pytest.raises(UnlearningError, match=r"needs nothing_of_the_kind from fit.*keep="):
        copy.deepcopy(net).set_params(unlearner=NeedsCurvature()).unlearn(X[:5], y[:5])
    with pytest.raises(ValueError, match="Got 'nothing_of_the_kind' to keep, expected one of"):
        NeuralNetClassifier(unlearner=NeedsCurvature(), **QUICK).fit(X[:100], y[:100])


def test_going_on_with_training_makes_no_copies(digits):
    X, y = digits[0][:300], digits[1][:300]
    net = NeuralNetClassifier(unlearner=STEP, **QUICK).fit(X, y)
    before = weights(net)
    net.partial_fit(X, y)
    assert net.n_samples_retained_ == 300 and not np.array_equal(before[0], weights(net)[0])
    net.partial_fit(digits[0][300:350], digits[1][300:350])
    assert net.n_samples_retained_ == 350
    net.unlearn(X[:9], y[:9])
    with pytest.raises(NotLearnedError):
        net.unlearn(X[:9], y[:9])


def test_in_a_pipeline_the_net_forgets_behind_frozen_steps(digits):
    X, y = digits
    tuned = FineTune(n_epochs=1, stopping=None)
    net = NeuralNetClassifier(unlearner=tuned, **QUICK)
    model = unlearning_pipeline(ExactScaler(), net).fit(X, y)
    with pytest.raises(UnlearningError, match="cannot forget rows exactly"):
        model.unlearn(X[:9], y[:9])
    before = weights(model[-1])
    rest = {"X_retain": X[9:], "y_retain": y[9:]}
    model.unlearn(X[:9], y[:9], upstream="frozen", **rest)
    assert model.n_samples_retained_ == model[-1].n_samples_retained_ == len(X) - 9
    assert not np.array_equal(before[0], weights(model[-1])[0])
    assert "fitted statistics of step standardscaler" in model.guarantee_.residues
    with pytest.raises(NotLearnedError):
        model.unlearn(X[:9], y[:9], upstream="frozen", **rest)


def test_a_pipeline_is_no_surer_than_its_net(digits):
    X, y = digits[0][:300], digits[1][:300]
    model = unlearning_pipeline(FunctionTransformer(), NeuralNetClassifier(unlearner=STEP, **QUICK))
    model.fit(X, y).unlearn(X[:9], y[:9], upstream="frozen")
    assert model.guarantee_.kind == "approximate"
    assert any("history_" in residue for residue in model.guarantee_.residues)
    model.unlearn(X[9:12], y[9:12], X_retain=X[12:], y_retain=y[12:])  # a refit
    assert model.guarantee_.kind == "exact" and not model.guarantee_.residues


# -- calibration -----------------------------------------------------------------------------


def noisy(digits, share=0.3, n=600):
    """Rows of which some have wrong labels: a net learns these by heart."""
    X, y = digits[0][:n], digits[1][:n].copy()
    rng = np.random.default_rng(0)
    wrong = rng.permutation(n)[: int(share * n)]
    y[wrong] = (y[wrong] + rng.integers(1, 10, len(wrong))) % 10
    return X, y


def test_calibrated_stopping_ends_at_the_level_of_unseen_rows(digits):
    X, y = noisy(digits)
    net = NeuralNetClassifier(
        unlearner=GradientAscent(lr=0.01, n_epochs=200),
        hidden_layer_sizes=(128,),
        max_epochs=120,
        lr=0.01,
        train_split=HeldOut(0.2, 0),
        random_state=0,
    ).fit(X, y)
    train, _ = HeldOut(0.2, 0)(X, y)
    gone = train.indices[:60]
    before = net.score(X[gone], y[gone])
    target = net._calibration_.unseen_accuracy(y[gone])
    assert before > 0.9 > target + 0.1  # it was memorised
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Only [0-9]+ rows were held out")
        net.unlearn(X[gone], y[gone])
    assert abs(net.score(X[gone], y[gone]) - target) < 0.1
    last = net.unlearning_history_[-1]
    assert {"step", "seconds", "loss", "forget_accuracy"} <= last.keys()
    assert 1 < len(net.unlearning_history_) < 200


def test_wrong_labels_are_not_taken_for_unseen_rows(digits):
    X, y = digits[0][:600], digits[1][:600].copy()
    y[:30] = (y[:30] + 1) % 10
    params = {"hidden_layer_sizes": (128,), "max_epochs": 80, "lr": 0.01, "random_state": 0}
    split = HeldOut(0.2, 0)
    gone = np.setdiff1d(np.arange(30), split(X, y)[1].indices)
    accuracy = {}
    for keep in ("auto", ()):
        unlearner = GradientAscent(lr=0.01, n_epochs=100)
        net = NeuralNetClassifier(unlearner=unlearner, train_split=split, keep=keep, **params)
        net.fit(X, y)
        assert net.score(X[gone], y[gone]) > 0.5
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # few rows are held out; without the side model: nothing
            net.unlearn(X[gone], y[gone])
        accuracy[keep] = net.score(X[gone], y[gone])
    # a net that never saw them gets none right; without the side model the rule cannot know
    assert accuracy["auto"] < 0.2 < accuracy[()]


def test_nothing_to_forget_is_said(digits):
    X, y = digits
    net = NeuralNetClassifier(unlearner=GradientAscent(), train_split=HeldOut(0.2, 0), **QUICK)
    net.fit(X, y)
    wrong = np.flatnonzero(net.predict(X) != y)[:10]  # predicted worse than unseen rows already
    before = weights(net)
    with pytest.warns(UserWarning, match="Nothing to forget"):
        net.unlearn(X[wrong], y[wrong])
    assert np.array_equal(before[0], weights(net)[0])
    assert net.n_samples_retained_ == len(X) - len(wrong)


def test_a_target_out_of_reach_is_said(digits):
    X, y = digits
    net = NeuralNetClassifier(unlearner=GradientAscent(lr=1e-9, n_epochs=1), **QUICK).fit(X, y)
    whole = y == 3
    with pytest.warns(UserWarning, match="spent its budget before its target"):
        net.unlearn(X[whole], y[whole])


def test_a_class_that_goes_whole_is_not_predicted(digits):
    X, y = digits
    net = NeuralNetClassifier(unlearner=GradientAscent(lr=0.01, n_epochs=200), **QUICK).fit(X, y)
    whole = y == 3
    assert net.score(X[whole], y[whole]) > 0.8
    net.unlearn(X[whole], y[whole])
    assert net.score(X[whole], y[whole]) <= 0.01


def test_calibrated_stopping_needs_unseen_rows(digits):
    X, y = digits[0][:300], digits[1][:300]
    net = NeuralNetClassifier(unlearner=GradientAscent(), train_split=None, **QUICK).fit(X, y)
    with pytest.raises(UnlearningError, match="none were held out"):
        net.unlearn(X[:5], y[:5])


def test_regression_stops_at_the_residuals_of_unseen_rows():
    X, y = load_diabetes(return_X_y=True)
    X, y = scale(X), scale(y)
    net = NeuralNetRegressor(
        unlearner=GradientAscent(lr=0.01, n_epochs=300),
        hidden_layer_sizes=(128, 128),
        max_epochs=150,
        train_split=HeldOut(0.1, 0),
        random_state=0,
    ).fit(X, y)
    gone = HeldOut(0.1, 0)(X, y)[0].indices[:40]
    residual = lambda: np.abs(net.predict(X[gone]) - y[gone]).mean()  # noqa: E731
    target = -net._calibration_.phi.mean()
    assert residual() < 0.6 * target
    net.unlearn(X[gone], y[gone])
    assert residual() == pytest.approx(target, rel=0.1)


# -- adoption --------------------------------------------------------------------------------


def test_a_trained_module_is_adopted(digits):
    X, y = digits
    trained = NeuralNetClassifier(**QUICK, unlearner=STEP).fit(X[:1500], y[:1500])
    net = NeuralNetClassifier.from_module(
        trained.module_,
        classes=np.arange(10),
        X=X[:1500],
        y=y[:1500],
        X_valid=X[1500:],
        y_valid=y[1500:],
        unlearner=STEP,
        random_state=0,
    )
    assert equal_weights(net, trained) and net.module_ is not trained.module_
    before = weights(trained)
    assert net.unlearn(X[:9], y[:9]).n_samples_retained_ == len(X) - 9
    assert np.array_equal(before[0], weights(trained)[0])
    with pytest.raises(NotLearnedError):
        net.unlearn(X[:9], y[:9])
    # what training starts from has nothing of the rows
    assert not np.array_equal(net.module.state_dict()["layers.0.weight"].numpy(), before[0])


def test_adoption_without_rows_says_what_is_missing(digits):
    X, y = digits
    trained = NeuralNetClassifier(**QUICK, unlearner=STEP).fit(X, y)
    with pytest.warns(UserWarning, match="Adopted without X_valid"):
        net = NeuralNetClassifier.from_module(trained.module_, classes=range(10), unlearner=STEP)
    net.unlearn(X[:9], y[:9])
    with pytest.raises(UnlearningError, match="none were held out"):
        net.set_params(unlearner=GradientAscent()).unlearn(X[9:18], y[9:18])
    with pytest.raises(ValueError, match="needs classes"):
        NeuralNetClassifier.from_module(trained.module_)
    with pytest.raises(ValueError, match=r"expected an instance of torch\.nn\.Module"):
        NeuralNetClassifier.from_module(trained, classes=range(10))


def test_a_fitted_skorch_net_is_adopted(digits):
    X, y = digits[0], digits[1].astype(np.int64)
    module = torch.nn.Sequential(torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 10))
    plain = skorch.NeuralNetClassifier(
        module, criterion=torch.nn.CrossEntropyLoss, optimizer=torch.optim.Adam, verbose=0, lr=0.01
    ).fit(X[:1500], y[:1500])
    net = NeuralNetClassifier.from_net(
        plain, X=X[:1500], y=y[:1500], X_valid=X[1500:], y_valid=y[1500:], unlearner=STEP
    )
    np.testing.assert_array_equal(net.predict_proba(X), plain.predict_proba(X))
    assert net.lr == 0.01 and net.optimizer is torch.optim.Adam
    assert net.unlearn(X[:9], y[:9]).n_samples_retained_ == len(X) - 9
    with pytest.raises(ValueError, match="is not fitted"):
        NeuralNetClassifier.from_net(skorch.NeuralNetClassifier(module))
