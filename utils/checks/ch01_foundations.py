"""The exercises of chapter 01, Foundations, in the order of the route; a module a topic."""

from .foundations import backpropagation, perceptron_and_mlp

EXERCISES = (
    *perceptron_and_mlp.EXERCISES,
    *backpropagation.EXERCISES,
)
