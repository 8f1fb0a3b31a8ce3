"""The classifiers of the named pipelines, imported when one is made.

Settings that accuracy depends on are data, see `fer_landmarks.settings`; what is here is how a
classifier is wired.
"""

from __future__ import annotations

from typing import Any

from fer_landmarks.kernel import KernelLeastSquares
from fer_landmarks.perceptron import DropoutPerceptron
from fer_landmarks.probabilities import Probabilities, SoftmaxScores


def linear_svm(random_state: Any) -> Any:
    """One linear support vector machine a class against the rest."""
    from sklearn.svm import LinearSVC

    return SoftmaxScores(LinearSVC(random_state=random_state))


def rbf_svm(random_state: Any) -> Any:
    """Support vector machines with a Gaussian kernel, each class against the rest by votes."""
    from sklearn.svm import SVC

    svm = SVC(cache_size=1000, random_state=random_state)
    return SoftmaxScores(svm)


def logistic(random_state: Any) -> Any:
    """Multinomial logistic regression on whitened components."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    regression = LogisticRegression(max_iter=300, random_state=random_state)
    return Probabilities(make_pipeline(StandardScaler(), regression))


def nearest(random_state: Any) -> Any:
    """Votes of the nearest training faces, weighted by distance."""
    from sklearn.neighbors import KNeighborsClassifier

    return Probabilities(KNeighborsClassifier())


def forest(random_state: Any) -> Any:
    """Random forest; settings bound its leaves, or it would weigh hundreds of megabytes."""
    from sklearn.ensemble import RandomForestClassifier

    return Probabilities(RandomForestClassifier(random_state=random_state))


def boosting(random_state: Any) -> Any:
    """Gradient boosting by XGBoost."""
    from fer_landmarks.boosted_trees import BoostedTrees

    return Probabilities(BoostedTrees(tree_method="hist", random_state=random_state))


def perceptron(random_state: Any) -> Any:
    """Perceptron with one hidden layer on whitened components."""
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    network = MLPClassifier(early_stopping=True, n_iter_no_change=3, random_state=random_state)
    return Probabilities(make_pipeline(StandardScaler(), network))


def discriminant(random_state: Any) -> Any:
    """Linear discriminant analysis with shrunk covariances."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    return Probabilities(LinearDiscriminantAnalysis(solver="lsqr"))


def kernel(random_state: Any) -> Any:
    """Gaussian-kernel least squares, invariant to mirroring.

    All training faces are centres where settings have no ``n_centers``.
    """
    return KernelLeastSquares(random_state=random_state)


def dropout_perceptron(random_state: Any) -> Any:
    """Perceptron with two hidden layers and dropout, invariant to mirroring."""
    return DropoutPerceptron(random_state=random_state)


def stack(random_state: Any) -> Any:
    """Logistic regression on the out-of-fold answers of three classifiers."""
    from sklearn.ensemble import StackingClassifier
    from sklearn.linear_model import LogisticRegression

    members = [(make.__name__, make(random_state)) for make in (kernel, discriminant, perceptron)]
    final = LogisticRegression(max_iter=300, random_state=random_state)
    return Probabilities(StackingClassifier(members, final, cv=3, stack_method="predict_proba"))
