// SPDX-License-Identifier: Apache-2.0
// Verifies inclusion and consistency in a ledger's folder with the package
// @transmute/rfc9162, which hashes leaves and judges proofs and roots; no line
// of it is ours. What is written here is the way to them: C2SP's bundles and
// tiles on disk, and which hashes a proof has (RFC 9162 sections 2.1.3.1 and
// 2.1.4.1). Signatures are not looked at: that is tlog.go's part.
//
// usage: node inclusion.mjs FOLDER [CHECKPOINT...]
// Exit status 0 with a JSON line; 1 with "refused: STEP: why".
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import rfc9162 from '@transmute/rfc9162';

const { CoMETRE, RFC9162 } = rfc9162;
const { leaf, root } = CoMETRE.RFC9162_SHA256;
const WIDTH = 256;
const SOME = 500; // entries whose proofs are made, besides all edges

class Refused extends Error {}

function refuse(step, why) {
    throw new Refused(`${step}: ${why}`);
}

function headRead(file) {
    const [, size, hash] = readFileSync(file, 'utf8').split('\n');
    return { size: Number(size), root: new Uint8Array(Buffer.from(hash, 'base64')) };
}

class Ledger {
    constructor(folder, head) {
        Object.assign(this, { folder, head, files: new Map(), hashes: new Map() });
    }

    // How many of tile n are of this tree.
    width(level, n) {
        return Math.min(WIDTH, Math.floor(this.head.size / WIDTH ** level) - n * WIDTH);
    }

    // The partial file, or the full one where that has taken its place.
    file(name, n, count) {
        const groups = String(n).padStart(Math.ceil(String(n).length / 3) * 3, '0').match(/.../g);
        const full = join(this.folder, 'tile', name, groups.map((g, i) => (i < groups.length - 1 ? `x${g}` : g)).join('/'));
        if (!this.files.has(full)) {
            const partial = `${full}.p/${count}`;
            this.files.set(full, readFileSync(count < WIDTH && existsSync(partial) ? partial : full));
        }
        return this.files.get(full);
    }

    entries() {
        const found = [];
        for (let n = 0; n * WIDTH < this.head.size; n++) {
            const count = this.width(0, n), data = this.file('entries', n, count);
            for (let i = 0, at = 0; i < count; i++) {
                const length = data.readUInt16BE(at);
                if (data.length < at + 2 + length)
                    refuse('bundle', `${n} ends in entry ${i}`);
                found.push(new Uint8Array(data.subarray(at + 2, at + 2 + length)));
                at += 2 + length;
            }
        }
        return found;
    }

    // The root over 2^level leaves from leaf n << level on: of a tile, or of
    // its two halves by the package.
    async hash(level, n) {
        const key = `${level}/${n}`;
        if (this.hashes.has(key))
            return this.hashes.get(key);
        let h;
        if (level % 8 === 0) {
            const tile = Math.floor(n / WIDTH), at = n % WIDTH, count = this.width(level / 8, tile);
            if (at >= count)
                refuse('tile', `hash ${key} is not of this tree`);
            const data = this.file(String(level / 8), tile, count);
            h = new Uint8Array(data.subarray(32 * at, 32 * at + 32));
        } else {
            h = await root([await this.hash(level - 1, 2 * n), await this.hash(level - 1, 2 * n + 1)]);
        }
        this.hashes.set(key, h);
        return h;
    }

    // MTH(D[start:end]), where start is a multiple of the largest power of two in it.
    async range(start, end) {
        const level = Math.floor(Math.log2(end - start)), perfect = 2 ** level;
        const left = await this.hash(level, start / perfect);
        return start + perfect === end ? left : root([left, await this.range(start + perfect, end)]);
    }

    async inclusionPath(n, start = 0, end = this.head.size) {
        if (end - start === 1)
            return [];
        const middle = start + cut(end - start);
        return n < middle ? [...await this.inclusionPath(n, start, middle), await this.range(middle, end)]
            : [...await this.inclusionPath(n, middle, end), await this.range(start, middle)];
    }

    // SUBPROOF(m, D[start:end], whole), m counted from start.
    async consistencyPath(m, start = 0, end = this.head.size, whole = true) {
        if (m === end - start)
            return whole ? [] : [await this.range(start, end)];
        const k = cut(end - start), middle = start + k;
        return m <= k ? [...await this.consistencyPath(m, start, middle, whole), await this.range(middle, end)]
            : [...await this.consistencyPath(m - k, middle, end, false), await this.range(start, middle)];
    }
}

// The largest power of two less than n.
function cut(n) {
    return 2 ** Math.floor(Math.log2(n - 1));
}

// The package's own arithmetic has 32 bits, and it throws where others answer false.
async function holds(verify, ...args) {
    try {
        return await verify(...args);
    } catch {
        return false;
    }
}

function chosen(size) {
    const step = Math.max(1, Math.floor(size / SOME)), some = new Set([0, size - 1]);
    for (let n = 0; n < size; n += step)
        some.add(n);
    for (let edge = WIDTH; edge < size; edge += WIDTH)
        some.add(edge - 1).add(edge);
    return [...some].filter((n) => n >= 0 && n < size);
}

function flipped(hash) {
    return hash.map((b, i) => (i === 7 ? b ^ 1 : b));
}

async function inclusionCheck(ledger, leaves) {
    const { size, root: top } = ledger.head, list = chosen(size);
    const verify = (...args) => holds(RFC9162.verifyInclusionProof, ...args);
    for (const n of list) {
        const path = await ledger.inclusionPath(n);
        const proof = { log_id: '', tree_size: size, leaf_index: n, inclusion_path: path };
        if (!await verify(top, leaves[n], proof))
            refuse('inclusion', `entry ${n}: its proof does not hold`);
        const wrong = [
            [top, flipped(leaves[n]), proof], [flipped(top), leaves[n], proof],
            [top, leaves[n], { ...proof, inclusion_path: path.slice(1) }],
            [top, leaves[n], { ...proof, inclusion_path: path.map((h, i) => (i ? h : flipped(h))) }],
            [top, leaves[(n + 1) % size], proof]];
        for (const [i, bad] of wrong.entries())
            if (await verify(...bad))
                refuse('inclusion', `entry ${n}: wrong proof ${i} holds too`);
    }
    return list.length;
}

async function consistencyCheck(ledger, old) {
    const { size, root: top } = ledger.head;
    const verify = (...args) => holds(RFC9162.verifyConsistencyProof, ...args);
    if (old.size > size)
        refuse('consistency', `this ledger is of size ${size}, it was of ${old.size}`);
    if (old.size === size || old.size === 0) {
        if (Buffer.compare(old.root, old.size === size ? top : await root([])) !== 0)
            refuse('consistency', `another root of size ${old.size}`);
        return;
    }
    let path = await ledger.consistencyPath(old.size);
    // RFC 9162 section 2.1.4.2 step 2, which the package leaves to its caller.
    if (Number.isInteger(Math.log2(old.size)))
        path = [old.root, ...path];
    const proof = { log_id: '', tree_size_1: old.size, tree_size_2: size, consistency_path: path };
    if (!await verify(old.root, top, proof))
        refuse('consistency', `the ledger does not extend its size ${old.size}`);
    if (await verify(flipped(old.root), top, proof) || await verify(old.root, flipped(top), proof))
        refuse('consistency', `a proof of size ${old.size} proves another root`);
}

async function main([folder, ...earlier]) {
    const ledger = new Ledger(folder, headRead(join(folder, 'checkpoint')));
    const leaves = await Promise.all(ledger.entries().map(leaf));
    if (Buffer.compare(await root(leaves), ledger.head.root) !== 0)
        refuse('root', 'the entries come to another than the checkpoint says');
    const included = await inclusionCheck(ledger, leaves);
    for (const file of earlier)
        await consistencyCheck(ledger, headRead(file));
    console.log(JSON.stringify({ entries: leaves.length, included, consistent: earlier.length }));
}

main(process.argv.slice(2)).catch((e) => {
    console.log(`refused: ${e instanceof Refused ? e.message : `file: ${e.stack}`}`);
    process.exitCode = 1;
});
