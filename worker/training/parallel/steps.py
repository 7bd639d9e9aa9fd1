"""The training step of a network on several devices.

Keras would average over the devices, whatever their shares of a batch are. Here each picture counts the same, as on one
device: without this, a last batch of 7 pictures on two devices has another gradient and another loss.
"""

from typing import Any

import keras

from worker.training.parallel.devices import replicas_of


def train_together(network: keras.Model) -> None:
    """Make a compiled network that was built for several devices train as on one; for one device, do nothing."""
    n_devices = replicas_of(network)
    if n_devices == 1:
        return
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.synchronized = True
    network.train_step = _step_of(network, n_devices)
    # Everything is built already. Keras would build it again from the mean of the devices' inputs, which fails when
    # their shares have different sizes. There is no public way to tell it; `test_several_devices.py` guards the name.
    network._maybe_symbolic_build = lambda *_, **__: None


def _step_of(network: keras.Model, n_devices: int) -> Any:
    import tensorflow as tf  # noqa: PLC0415 - only TensorFlow has several devices here

    mean_loss = next(metric for metric in network.metrics if metric.name == "loss")

    def step(batch: Any) -> Any:
        inputs, targets, weights = keras.utils.unpack_x_y_sample_weight(batch)
        own = tf.cast(tf.shape(inputs)[0], tf.float32)
        together = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, own)
        with tf.GradientTape() as tape:
            answers = network(inputs, training=True)
            # Keras divides by the number of devices, because it adds the gradients of all.
            loss = n_devices * network.compute_loss(inputs, targets, answers, weights, training=True)
            mean_loss.update_state(loss, sample_weight=own)
            share = network.optimizer.scale_loss(loss * own / together)
        gradients = tape.gradient(share, network.trainable_weights)
        network.optimizer.apply_gradients(zip(gradients, network.trainable_weights, strict=True))
        return network.compute_metrics(inputs, targets, answers, sample_weight=weights)

    return step
