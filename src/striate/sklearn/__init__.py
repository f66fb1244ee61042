"""Striate's training and transfer as estimators of scikit-learn; start at ``estimator``.

::

    from sklearn.model_selection import cross_val_score
    from striate.sklearn import ImageClassifier

    cross_val_score(ImageClassifier(head="svm"), files, labels)
"""

from striate.sklearn.classifier import ImageClassifier
from striate.sklearn.regressor import ImageRegressor

__all__ = ["ImageClassifier", "ImageRegressor"]
