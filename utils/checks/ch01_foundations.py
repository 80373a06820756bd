"""The exercises of chapter 01, Foundations, in the order of the route; a module a topic."""

from .foundations import (
    backpropagation,
    calculus_and_autodiff,
    initialization_and_activations,
    learning_rate_schedules,
    linear_algebra,
    loss_functions,
    normalization,
    optimization_sgd_adam,
    perceptron_and_mlp,
    probability_and_information,
    project,
    regularization_dropout_batchnorm,
    skip_connections,
    training_in_practice,
)

EXERCISES = (
    *linear_algebra.EXERCISES,
    *calculus_and_autodiff.EXERCISES,
    *probability_and_information.EXERCISES,
    *perceptron_and_mlp.EXERCISES,
    *backpropagation.EXERCISES,
    *initialization_and_activations.EXERCISES,
    *loss_functions.EXERCISES,
    *optimization_sgd_adam.EXERCISES,
    *learning_rate_schedules.EXERCISES,
    *regularization_dropout_batchnorm.EXERCISES,
    *normalization.EXERCISES,
    *skip_connections.EXERCISES,
    *training_in_practice.EXERCISES,
    *project.EXERCISES,
)
