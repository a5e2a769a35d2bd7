// TensorFlow.js: a gesture classifier trained by the real library and saved as a layers model (model.json + weights).
//
// Run: `npm install @tensorflow/tfjs@4.22.0`, then `node train_tfjs.mjs` (a few seconds of CPU). The facts go to stdout
// as one line of JSON, which record_tfjs.py puts into the manifest.
import { createRequire } from "node:module";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const require = createRequire(join(process.cwd(), "package.json"));
const tf = require("@tensorflow/tfjs");
const folder = join(dirname(fileURLToPath(import.meta.url)), "..", "models", "gestures_tfjs");
const SEED = 20261121;
const CLASSES = ["still", "shake", "tilt", "circle"];

// A linear congruential generator (Numerical Recipes): Math.random cannot be seeded.
let state = SEED;
const random = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;

function motion(label) {
  const phase = random() * 6.28;
  return Array.from({ length: 32 }, (_, step) => {
    const angle = phase + step / 3;
    const signal = [[0, 0, 0], [Math.sin(angle * 3), 0, 0], [step / 16 - 1, step / 32, 0], [Math.sin(angle), Math.cos(angle), 0]];
    return signal[label].map((value) => value + (random() - 0.5) * 0.3);
  });
}

const labels = Array.from({ length: 400 }, (_, index) => index % CLASSES.length);
const inputs = tf.tensor3d(labels.map(motion));
const targets = tf.oneHot(tf.tensor1d(labels, "int32"), CLASSES.length);
const start = (offset) => tf.initializers.glorotUniform({ seed: SEED + offset });
const model = tf.sequential({ name: "gestures" });
model.add(tf.layers.conv1d({ inputShape: [32, 3], filters: 8, kernelSize: 5, strides: 2, activation: "relu", kernelInitializer: start(1) }));
model.add(tf.layers.flatten());
model.add(tf.layers.dense({ units: CLASSES.length, activation: "softmax", kernelInitializer: start(2) }));
model.compile({ optimizer: tf.train.adam(0.01), loss: "categoricalCrossentropy", metrics: ["accuracy"] });
const history = await model.fit(inputs, targets, { epochs: 15, batchSize: 32, shuffle: false, verbose: 0 });

mkdirSync(folder, { recursive: true });
await model.save(
  tf.io.withSaveHandler(async (artifacts) => {
    const { weightData, weightSpecs, ...rest } = artifacts;
    const weights = Buffer.from(weightData);
    writeFileSync(join(folder, "group1-shard1of1.bin"), weights);
    const manifest = [{ paths: ["group1-shard1of1.bin"], weights: weightSpecs }];
    writeFileSync(join(folder, "model.json"), JSON.stringify({ ...rest, weightsManifest: manifest }));
    return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: "JSON" } };
  }),
);
const accuracy = history.history.acc.at(-1);
const ports = (symbols) => symbols.map((symbol) => ({ name: symbol.name, shape: symbol.shape.map((size) => size ?? -1) }));
console.log(JSON.stringify({ inputs: ports(model.inputs), outputs: ports(model.outputs), version: tf.version.tfjs, parameters: model.countParams(), layers: model.layers.length, accuracy }));
