// Reads model files with Netron's own readers, without a browser, and prints what they hold: one JSON object a line.
// node headless.mjs FOLDER_OF_NETRON < paths (one a line)

import * as fs from 'node:fs';
import * as path from 'node:path';
import * as readline from 'node:readline';
import { performance } from 'node:perf_hooks';
import { pathToFileURL } from 'node:url';

const home = path.resolve(process.argv[2]);
const load = (name) => import(pathToFileURL(path.join(home, name)).href);
const { ModelFactoryService } = await load('view.js');
const { BinaryStream } = await load('base.js');

const host = {
    environment: () => null,
    event: () => {},
    exception: () => {},
    window: globalThis,
    document: { createElement: () => ({}) },
    require: (id) => load(`${id.replace(/^\.\//, '')}.js`),
    asset: async (name) => fs.readFileSync(path.join(home, name), 'utf-8'),
};

class FileContext {
    constructor(file) {
        this.file = file;
        this.identifier = path.basename(file);
        this.stream = new BinaryStream(fs.readFileSync(file));
    }
    get entries() {
        return null;
    }
    async asset(name) {
        return host.asset(name);
    }
    async fetch(name, encoding, base) {
        if (base !== undefined || encoding) {
            return host.asset(name);
        }
        return new BinaryStream(fs.readFileSync(path.join(path.dirname(this.file), name)));
    }
    require(id) {
        return host.require(id);
    }
    error() {}
    async read() {
        return this.stream;
    }
}

const elements = (tensor) => {
    const shape = tensor.type && tensor.type.shape && tensor.type.shape.dimensions;
    return Array.isArray(shape) ? shape.map(Number).reduce((left, right) => left * right, 1) : 0;
};

// Weights are counted once, by name and place, as the readers hand them out.
const walk = (graph, found) => {
    if (!graph || found.graphs.has(graph)) {
        return;
    }
    found.graphs.add(graph);
    const take = (value) => {
        const tensor = value && value.initializer;
        if (tensor && !found.weights.has(value)) {
            found.weights.add(value);
            found.parameters += elements(tensor);
        }
    };
    // Activations and the like that Netron draws inside the box of another node stand in its chain.
    const pairs = (graph.nodes || []).flatMap((node) => [[node, found.ops], ...(node.chain || []).map((next) => [next, found.chained])]);
    for (const [node, ops] of pairs) {
        const name = node.type && node.type.name ? String(node.type.name) : '';
        ops[name] = (ops[name] || 0) + 1;
        for (const { value } of node.attributes || []) {
            found.constants += value && value.type && value.type.shape ? elements(value) : 0;
        }
        for (const argument of [...(node.inputs || []), ...(node.blocks || []), ...(node.attributes || [])]) {
            for (const value of Array.isArray(argument.value) ? argument.value : [argument.value]) {
                take(value);
                if (value && Array.isArray(value.nodes) && argument.type !== 'function') {
                    walk(value, found);
                }
            }
        }
    }
};

for await (const file of readline.createInterface({ input: process.stdin })) {
    const started = performance.now();
    const result = { file };
    try {
        const service = new ModelFactoryService(host);
        const model = await service.open(new FileContext(file));
        const found = { parameters: 0, constants: 0, ops: {}, chained: {}, graphs: new Set(), weights: new Set() };
        for (const graph of model.modules || model.graphs || []) {
            walk(graph, found);
        }
        const { ops, chained, parameters, constants } = found;
        Object.assign(result, { format: model.format, parameters, constants, ops, chained });
    } catch (error) {
        result.error = String(error.message || error);
    }
    result.milliseconds = performance.now() - started;
    process.stdout.write(`${JSON.stringify(result)}\n`);
}
