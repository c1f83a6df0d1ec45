// SPDX-License-Identifier: Apache-2.0

// tlog verifies a ledger's folder with golang.org/x/mod/sumdb, of which not a
// line is ours: note opens the checkpoint, tlog hashes entries and makes and
// checks proofs. What is written here is only the way of C2SP's tiles and
// bundles on disk to them.
//
//	tlog VKEY FOLDER [CHECKPOINT...]   verify; CHECKPOINT: kept from before
//	tlog -sign SKEY FILE               sign FILE's text anew, to standard output
//
// Exit status 0 with a JSON line of what was checked; 1 with "refused: STEP: why".
package main

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const width = 256

func refuse(step, format string, args ...interface{}) {
	fmt.Printf("refused: %s: %s\n", step, fmt.Sprintf(format, args...))
	os.Exit(1)
}

func must(step string, err error) {
	if err != nil {
		refuse(step, "%v", err)
	}
}

type head struct {
	size int64
	root tlog.Hash
}

// headOpen has note verify the signature, then reads the three lines
// (tlog.ParseTree knows one origin only, that of go.sum's database).
func headOpen(file, vkey string) head {
	data, err := os.ReadFile(file)
	must("signature", err)
	verifier, err := note.NewVerifier(vkey)
	must("signature", err)
	opened, err := note.Open(data, note.VerifierList(verifier))
	must("signature", err)
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() || lines[3] != "" {
		refuse("checkpoint", "not three lines that begin with %q", verifier.Name())
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	must("checkpoint", err)
	root, err := tlog.ParseHash(lines[2])
	must("checkpoint", err)
	return head{size, root}
}

// tiles are the hashes on disk, as a tlog.HashReader.
type tiles struct {
	folder string
	size   int64
	files  map[string][]byte
	hashes map[int64]tlog.Hash // by stored index, what was folded already
}

// fileRead returns what tile number n of a level holds of this tree: from the
// partial file, or the beginning of the full one.
func (t *tiles) fileRead(level string, n int64, count int) ([]byte, error) {
	path := fmt.Sprintf("%03d", n%1000)
	for rest := n / 1000; rest > 0; rest /= 1000 {
		path = fmt.Sprintf("x%03d/%s", rest%1000, path)
	}
	full := filepath.Join(t.folder, "tile", level, path)
	if data, ok := t.files[full]; ok {
		return data, nil
	}
	name := full
	if count < width {
		name = fmt.Sprintf("%s.p/%d", full, count)
	}
	data, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) && count < width {
		data, err = os.ReadFile(full)
	}
	if err == nil {
		t.files[full] = data
	}
	return data, err
}

// widthOf says how many hashes or entries of tile n belong to this tree.
func (t *tiles) widthOf(level int, n int64) int {
	there := t.size>>(8*level) - n*width
	if there > width {
		return width
	}
	return int(there)
}

func (t *tiles) tileRead(level int, n int64) ([]tlog.Hash, error) {
	count := t.widthOf(level, n)
	if count <= 0 {
		return nil, fmt.Errorf("tile %d/%d is not of this tree", level, n)
	}
	data, err := t.fileRead(strconv.Itoa(level), n, count)
	if err != nil {
		return nil, err
	}
	if len(data) != count*tlog.HashSize && len(data) != width*tlog.HashSize {
		return nil, fmt.Errorf("tile %d/%d has %d bytes", level, n, len(data))
	}
	hashes := make([]tlog.Hash, count)
	for i := range hashes {
		copy(hashes[i][:], data[i*tlog.HashSize:])
	}
	return hashes, nil
}

// hashRead finds a hash in its tile, or makes it of its two children there.
func (t *tiles) hashRead(level int, n int64) (tlog.Hash, error) {
	index := tlog.StoredHashIndex(level, n)
	if h, ok := t.hashes[index]; ok {
		return h, nil
	}
	var h tlog.Hash
	if level%8 == 0 {
		row, err := t.tileRead(level/8, n/width)
		if err != nil {
			return h, err
		}
		if n%width >= int64(len(row)) {
			return h, fmt.Errorf("hash %d/%d is not of this tree", level, n)
		}
		h = row[n%width]
	} else {
		left, err := t.hashRead(level-1, 2*n)
		if err != nil {
			return h, err
		}
		right, err := t.hashRead(level-1, 2*n+1)
		if err != nil {
			return h, err
		}
		h = tlog.NodeHash(left, right)
	}
	t.hashes[index] = h
	return h, nil
}

func (t *tiles) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	found := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		level, n := tlog.SplitStoredHashIndex(index)
		h, err := t.hashRead(level, n)
		if err != nil {
			return nil, err
		}
		found[i] = h
	}
	return found, nil
}

// bundleRead splits one bundle into the entries that belong to this tree.
func (t *tiles) bundleRead(n int64) ([][]byte, error) {
	count := t.widthOf(0, n)
	data, err := t.fileRead("entries", n, count)
	if err != nil {
		return nil, err
	}
	var entries [][]byte
	for len(entries) < count {
		if len(data) < 2 || len(data)-2 < int(binary.BigEndian.Uint16(data)) {
			return nil, fmt.Errorf("bundle %d ends in entry %d", n, len(entries))
		}
		end := 2 + int(binary.BigEndian.Uint16(data))
		entries = append(entries, data[2:end])
		data = data[end:]
	}
	return entries, nil
}

// memory are the hashes that tlog makes of the entries alone.
type memory []tlog.Hash

func (m memory) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	found := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		if index >= int64(len(m)) {
			return nil, fmt.Errorf("no hash %d yet", index)
		}
		found[i] = m[index]
	}
	return found, nil
}

// entriesHash reads every entry and holds it against its hash in the lowest tile.
func entriesHash(t *tiles) (memory, []tlog.Hash) {
	var all memory
	var leaves []tlog.Hash
	for n := int64(0); n*width < t.size; n++ {
		entries, err := t.bundleRead(n)
		must("bundle", err)
		row, err := t.tileRead(0, n)
		must("tile", err)
		for i, entry := range entries {
			at := n*width + int64(i)
			leaf := tlog.RecordHash(entry)
			if leaf != row[i] {
				refuse("leaf", "entry %d is not what the tile has", at)
			}
			more, err := tlog.StoredHashesForRecordHash(at, leaf, all)
			must("leaf", err)
			all = append(all, more...)
			leaves = append(leaves, leaf)
		}
	}
	return all, leaves
}

// tilesCheck holds every hash of every tile against the entries'.
func tilesCheck(t *tiles, all memory) (checked map[string]int) {
	checked = map[string]int{}
	for level := 0; t.size>>(8*level) > 0; level++ {
		for n := int64(0); t.widthOf(level, n) > 0; n++ {
			row, err := t.tileRead(level, n)
			must("tile", err)
			for i, h := range row {
				if h != all[tlog.StoredHashIndex(8*level, n*width+int64(i))] {
					refuse("tile", "%d/%d: hash %d is not that of the entries", level, n, i)
				}
			}
			if len(row) == width {
				checked[fmt.Sprintf("full%d", level)]++
			} else {
				checked[fmt.Sprintf("partial%d", level)]++
			}
		}
	}
	return checked
}

func rootCheck(h head, reader tlog.HashReader) {
	root, err := tlog.TreeHash(h.size, reader)
	must("root", err)
	if h.size == 0 {
		root = sha256.Sum256(nil) // RFC 6962 section 2.1; tlog has zeros here
	}
	if root != h.root {
		refuse("root", "of size %d: the entries come to %v, the checkpoint says %v", h.size, root, h.root)
	}
}

func inclusionCheck(h head, t *tiles, leaves []tlog.Hash) {
	for n, leaf := range leaves {
		proof, err := tlog.ProveRecord(h.size, int64(n), t)
		must("inclusion", err)
		must("inclusion", tlog.CheckRecord(proof, h.size, h.root, int64(n), leaf))
		// What it accepts is worth what it refuses.
		other := leaves[(n+1)%len(leaves)]
		if other != leaf && tlog.CheckRecord(proof, h.size, h.root, int64(n), other) == nil {
			refuse("inclusion", "a proof of entry %d proves another", n)
		}
	}
}

func consistencyCheck(h, old head, t *tiles) {
	if old.size > h.size {
		refuse("consistency", "this ledger is of size %d, it was of %d", h.size, old.size)
	}
	if old.size == 0 {
		rootCheck(old, memory(nil))
		return
	}
	proof, err := tlog.ProveTree(h.size, old.size, t)
	must("consistency", err)
	must("consistency", tlog.CheckTree(proof, h.size, h.root, old.size, old.root))
	other := old.root
	other[0] ^= 1
	if tlog.CheckTree(proof, h.size, h.root, old.size, other) == nil {
		refuse("consistency", "a proof of size %d proves another root", old.size)
	}
}

func verify(vkey, folder string, earlier []string) {
	h := headOpen(filepath.Join(folder, "checkpoint"), vkey)
	t := &tiles{folder, h.size, map[string][]byte{}, map[int64]tlog.Hash{}}
	all, leaves := entriesHash(t)
	told := tilesCheck(t, all)
	rootCheck(h, all)
	rootCheck(h, t)
	inclusionCheck(h, t, leaves)
	for _, file := range earlier {
		consistencyCheck(h, headOpen(file, vkey), t)
	}
	told["entries"], told["consistent"] = len(leaves), len(earlier)
	line, err := json.Marshal(told)
	must("end", err)
	fmt.Println(string(line))
}

func sign(skey, file string) {
	signer, err := note.NewSigner(skey)
	must("key", err)
	text, err := os.ReadFile(file)
	must("text", err)
	signed, err := note.Sign(&note.Note{Text: string(text)}, signer)
	must("signing", err)
	os.Stdout.Write(signed)
}

func main() {
	args := os.Args[1:]
	if len(args) == 3 && args[0] == "-sign" {
		sign(args[1], args[2])
	} else if len(args) >= 2 {
		verify(args[0], args[1], args[2:])
	} else {
		fmt.Fprintln(os.Stderr, "usage: tlog VKEY FOLDER [CHECKPOINT...] | tlog -sign SKEY FILE")
		os.Exit(2)
	}
}
