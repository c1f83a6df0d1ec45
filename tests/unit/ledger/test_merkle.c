/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tree against the vectors that other logs publish, against the plain
 * recursive definition of RFC 6962, and proofs against every small change.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/ledger/hex.h"

#define NAIVE_MAX 600

static struct hash leaves[NAIVE_MAX];

/* The definition itself. */
static struct hash naive_root(const struct hash *d, uint64_t n)
{
    struct hash h, l, r;
    uint64_t k = 1;

    if (n == 0) {
        merkle_empty(&h);
        return h;
    }
    if (n == 1)
        return d[0];
    while (k * 2 < n)
        k *= 2;
    l = naive_root(d, k);
    r = naive_root(d + k, n - k);
    merkle_node(&l, &r, &h);
    return h;
}

static int naive_get(void *arg, unsigned level, uint64_t index, struct hash *h)
{
    const struct hash *d = arg;

    *h = naive_root(d + (index << level), UINT64_C(1) << level);
    return 0;
}

static struct hash edge_root(const struct hash *d, uint64_t n)
{
    struct merkle_edge e;
    struct hash h;

    merkle_edge_init(&e);
    for (uint64_t i = 0; i < n; i++)
        merkle_edge_append(&e, &d[i]);
    assert_int_equal(e.count, __builtin_popcountll(n));
    merkle_edge_root(&e, &h);
    return h;
}

static void decimal_leaf(uint64_t i, struct hash *h)
{
    char text[24];
    int n = snprintf(text, sizeof text, "%llu", (unsigned long long)i);

    merkle_leaf(text, (size_t)n, h);
}

/* --- section A: the eight leaves of Certificate Transparency --- */

static const struct {
    const char *data;
    size_t length;
} classic[8] = {
    {"", 0},
    {"\x00", 1},
    {"\x10", 1},
    {"\x20\x21", 2},
    {"\x30\x31", 2},
    {"\x40\x41\x42\x43", 4},
    {"\x50\x51\x52\x53\x54\x55\x56\x57", 8},
    {"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f", 16},
};

static const char *classic_roots[9] = {
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
};

/* First and last bytes, as the reference prints them. */
static const char *classic_leaves[8] = {
    "6e340b9ca01d", "96a296d2cfc7", "0298d1227fe7", "07506a8587e7",
    "bc1a06439e6b", "4271a26bb658", "b08693ec1a5f", "46f6ffad8eb1",
};

static void classic_tree(struct hash d[8])
{
    for (unsigned i = 0; i < 8; i++)
        merkle_leaf(classic[i].data, classic[i].length, &d[i]);
}

static void classic_vectors(void **state)
{
    struct hash d[8];

    (void)state;
    classic_tree(d);
    for (unsigned n = 0; n <= 8; n++) {
        struct hash h = edge_root(d, n);
        assert_hash(&h, hash_from_hex(classic_roots[n]));
        assert_int_equal(merkle_root(naive_get, d, n, &h), 0);
        assert_hash(&h, hash_from_hex(classic_roots[n]));
    }
    for (unsigned i = 0; i < 8; i++) {
        char hex[65], ends[13];
        sodium_bin2hex(hex, sizeof hex, d[i].b, 32);
        snprintf(ends, sizeof ends, "%.8s%s", hex, hex + 60);
        assert_string_equal(ends, classic_leaves[i]);
    }
}

struct proof_vector {
    uint64_t first, size; /* leaf or old size, and size */
    unsigned count;
    const char *hashes[4];
};

static const struct proof_vector classic_inclusion[] = {
    {5,
     8,
     3,
     {"bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
      "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
      "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"}},
    {2,
     3,
     1,
     {"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"}},
};

static const struct proof_vector classic_consistency[] = {
    {6,
     8,
     3,
     {"0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
      "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
      "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"}},
    {2,
     5,
     2,
     {"5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
      "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"}},
};

static void assert_path(const struct merkle_path *p,
                        const struct proof_vector *v)
{
    assert_int_equal(p->count, v->count);
    for (unsigned i = 0; i < v->count; i++)
        assert_hash(&p->hashes[i], hash_from_hex(v->hashes[i]));
}

static void classic_proofs(void **state)
{
    struct hash d[8];
    struct merkle_path p;

    (void)state;
    classic_tree(d);
    for (unsigned i = 0; i < 2; i++) {
        const struct proof_vector *v = &classic_inclusion[i];
        assert_int_equal(
            merkle_prove_inclusion(naive_get, d, v->first, v->size, &p), 0);
        assert_path(&p, v);
        v = &classic_consistency[i];
        assert_int_equal(
            merkle_prove_consistency(naive_get, d, v->first, v->size, &p), 0);
        assert_path(&p, v);
    }
}

/* --- section C: Tessera's public test log --- */

static const char *tessera_leaves[15] = {
    "one",  "two", "three",  "four",  "five",     "six",     "seven",  "eit",
    "nain", "ten", "ileven", "twelf", "threeten", "fourten", "fivten",
};

static const struct {
    uint64_t size;
    const char *root;
} tessera_roots[] = {
    {1, "0Nc2CrefWKseHj/mStd+LqC8B+NrX0btIiPt2SmN+ek="},
    {2, "T1X2GdkhUjV3iyufF9b0kVsWFxIU0VI4EpNml2Teci4="},
    {3, "Wqx3HImawpLnS/Gv4ubjAvi1WIOy0b8Ze0amvqbavKk="},
    {4, "zY1lN35vrXYAPixXSd59LsU29xUJtuW4o2dNNg5Y2Co="},
    {7, "IrSXADBqJ7EQoUODSDKROySgNveeL6CFhik2w/+fS7U="},
    {8, "bC+VwvrJbalNVjfkdI8kUgs7mJoXrqiXCE7bgnD28pY="},
    {15, "rKbDipCvhuX1GZ7g5BBe8sA6BbJ7ja/1nk427v383cs="},
};

static void tessera_vectors(void **state)
{
    static const char *incl[] = {
        "yiM+eia4w1wsk/Ukx7kF56IQVkDW3MWUaUz/VtJu+yU=",
        "nk9gCR+floFqznAPtqjjcnnV64dge2jQB95D5t164Hg=",
        "zY1lN35vrXYAPixXSd59LsU29xUJtuW4o2dNNg5Y2Co=",
        "5jLpqTgjsBDSEX6SgZiRnbTMdTuRd8bQ5tSsAOxe0Ks=",
    };
    struct hash d[15];
    struct merkle_path p;

    (void)state;
    for (unsigned i = 0; i < 15; i++)
        merkle_leaf(tessera_leaves[i], strlen(tessera_leaves[i]), &d[i]);
    for (size_t i = 0; i < sizeof tessera_roots / sizeof *tessera_roots; i++) {
        struct hash h = edge_root(d, tessera_roots[i].size);
        assert_hash(&h, hash_from_base64(tessera_roots[i].root));
    }
    assert_int_equal(merkle_prove_inclusion(naive_get, d, 4, 15, &p), 0);
    assert_int_equal(p.count, 4);
    for (unsigned i = 0; i < 4; i++)
        assert_hash(&p.hashes[i], hash_from_base64(incl[i]));
}

/* --- section D: decimal leaves --- */

static const struct {
    uint64_t size;
    const char *root;
} decimal_roots[] = {
    {0, "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="},
    {1, "2zQm6HgGjSjSabbIcXIyLOU3K2V1bQeJAB00g19gHAM="},
    {255, "Mvhbyqh9e80Fco8J6a66NQumovczgwCH8Fl2goSL5cs="},
    {256, "goUV0DPBnYyQHzfsy4rtkZZncDSG+NL/8c9wQDIcXbE="},
    {257, "HtoEmkNR2G92JSvX7At3Rq11t/oDFq1fVB29pFijEsQ="},
    {512, "1LIWJJXKYJ3AY5DTU8oMVRB3ZcYJ4CJut0fYkQXcjVU="},
    {1000, "Y4r6mAIpJbrP3a2xXvIv0BmcGsmcKXO2FYJD0T/OBcI="},
    {65536, "8CXQbtgEhZ/SdKG9rK3W5I6odjSqkeHtsgFD+UmM0Cs="},
    {70000, "Gkzfy2Y3SgwNy+9JrL1JdtE+6GT7PLJB/JQ8rQTwL34="},
};

static void decimal_vectors(void **state)
{
    struct merkle_edge e;
    size_t next = 0;
    struct hash h;

    (void)state;
    merkle_edge_init(&e);
    for (uint64_t n = 0; n <= 70000; n++) {
        if (n == decimal_roots[next].size) {
            merkle_edge_root(&e, &h);
            assert_hash(&h, hash_from_base64(decimal_roots[next++].root));
        }
        decimal_leaf(n, &h);
        merkle_edge_append(&e, &h);
    }
    assert_int_equal(next, sizeof decimal_roots / sizeof *decimal_roots);
    assert_hash(&leaves[0], hash_from_hex("db3426e878068d28d269b6c87172322ce537"
                                          "2b65756d0789001d34835f601c03"));
    merkle_node(&leaves[0], &leaves[1], &h);
    assert_hash(&h, hash_from_hex("cb00989d94a569c0a678ae042b63dcd4625db9644051"
                                  "7f37a6eb7976ea24ed4b"));
}

static void decimal_proofs(void **state)
{
    struct merkle_path p;

    (void)state;
    assert_int_equal(merkle_prove_inclusion(naive_get, leaves, 256, 257, &p),
                     0);
    assert_int_equal(p.count, 1);
    assert_hash(&p.hashes[0], hash_from_base64(decimal_roots[3].root));
    assert_int_equal(merkle_prove_consistency(naive_get, leaves, 256, 257, &p),
                     0);
    assert_int_equal(p.count, 1);
    assert_hash(
        &p.hashes[0],
        hash_from_base64("Qq6Gp3ytEfJWXgXP+3NfRgJdQKN5pS66QgnCYnMTgAg="));
}

/* --- against the definition --- */

static void roots_of_all_sizes(void **state)
{
    struct merkle_edge e;

    (void)state;
    merkle_edge_init(&e);
    for (uint64_t n = 0; n <= NAIVE_MAX; n++) {
        struct hash want = naive_root(leaves, n), h;
        merkle_edge_root(&e, &h);
        assert_hash(&h, want);
        assert_int_equal(merkle_root(naive_get, leaves, n, &h), 0);
        assert_hash(&h, want);
        if (n < NAIVE_MAX)
            merkle_edge_append(&e, &leaves[n]);
    }
}

static void inclusion_of_all_pairs(void **state)
{
    (void)state;
    for (uint64_t n = 1; n <= 64; n++) {
        struct hash root = naive_root(leaves, n);
        for (uint64_t m = 0; m < n; m++) {
            struct merkle_path p;
            assert_int_equal(
                merkle_prove_inclusion(naive_get, leaves, m, n, &p), 0);
            assert_int_equal(
                merkle_verify_inclusion(&leaves[m], m, n, &p, &root), 0);
            for (uint64_t other = 0; other < n; other++)
                if (other != m)
                    assert_int_equal(merkle_verify_inclusion(&leaves[m], other,
                                                             n, &p, &root),
                                     SP_ECORRUPT);
        }
    }
}

static void consistency_of_all_pairs(void **state)
{
    (void)state;
    for (uint64_t n = 0; n <= 64; n++) {
        struct hash root2 = naive_root(leaves, n);
        for (uint64_t m = 0; m <= n; m++) {
            struct hash root1 = naive_root(leaves, m);
            struct merkle_path p;
            assert_int_equal(
                merkle_prove_consistency(naive_get, leaves, m, n, &p), 0);
            assert_int_equal(
                merkle_verify_consistency(m, &root1, n, &root2, &p), 0);
        }
    }
}

/* Whatever is changed in a proof, it proves nothing any more. */
static void assert_spoiled_inclusion(const struct merkle_path *good, uint64_t m,
                                     uint64_t n)
{
    struct hash root = naive_root(leaves, n), other = root;
    struct merkle_path p = *good;

    for (unsigned i = 0; i < good->count; i++) {
        p.hashes[i].b[i] ^= 0x40;
        assert_int_equal(merkle_verify_inclusion(&leaves[m], m, n, &p, &root),
                         SP_ECORRUPT);
        p.hashes[i] = good->hashes[i];
    }
    p.hashes[p.count++] = leaves[0];
    assert_int_equal(merkle_verify_inclusion(&leaves[m], m, n, &p, &root),
                     SP_ECORRUPT);
    p.count = good->count;
    other.b[31] ^= 1;
    assert_int_equal(merkle_verify_inclusion(&leaves[m], m, n, &p, &other),
                     SP_ECORRUPT);
    assert_int_equal(merkle_verify_inclusion(&other, m, n, &p, &root),
                     SP_ECORRUPT);
    assert_int_equal(merkle_verify_inclusion(&leaves[m], n, n, &p, &root),
                     SP_ECORRUPT);
    if (p.count > 0) {
        p.count--;
        assert_int_equal(merkle_verify_inclusion(&leaves[m], m, n, &p, &root),
                         SP_ECORRUPT);
    }
}

static void assert_spoiled_consistency(const struct merkle_path *good,
                                       uint64_t m, uint64_t n)
{
    struct hash root1 = naive_root(leaves, m), root2 = naive_root(leaves, n);
    struct merkle_path p = *good;

    for (unsigned i = 0; i < good->count; i++) {
        p.hashes[i].b[i] ^= 0x01;
        assert_int_equal(merkle_verify_consistency(m, &root1, n, &root2, &p),
                         SP_ECORRUPT);
        p.hashes[i] = good->hashes[i];
    }
    p.hashes[p.count++] = leaves[0];
    assert_int_equal(merkle_verify_consistency(m, &root1, n, &root2, &p),
                     SP_ECORRUPT);
    p.count = good->count;
    if (p.count > 0) {
        p.count--;
        assert_int_equal(merkle_verify_consistency(m, &root1, n, &root2, &p),
                         SP_ECORRUPT);
        p.count++;
    }
    root2.b[0] ^= 1;
    assert_int_equal(merkle_verify_consistency(m, &root1, n, &root2, &p),
                     SP_ECORRUPT);
    root2.b[0] ^= 1;
    root1.b[0] ^= 1;
    assert_int_equal(merkle_verify_consistency(m, &root1, n, &root2, &p),
                     SP_ECORRUPT);
}

static void spoiled_proofs_are_refused(void **state)
{
    struct merkle_path p;

    (void)state;
    for (uint64_t n = 1; n <= 40; n++) {
        for (uint64_t m = 0; m < n; m++) {
            assert_int_equal(
                merkle_prove_inclusion(naive_get, leaves, m, n, &p), 0);
            assert_spoiled_inclusion(&p, m, n);
        }
        for (uint64_t m = 1; m <= n; m++) {
            assert_int_equal(
                merkle_prove_consistency(naive_get, leaves, m, n, &p), 0);
            assert_spoiled_consistency(&p, m, n);
        }
    }
}

static void sizes_out_of_range_are_refused(void **state)
{
    struct merkle_path p = {.count = 0};
    struct hash h;

    (void)state;
    merkle_empty(&h);
    assert_int_equal(merkle_root(naive_get, leaves, UINT64_C(1) << 63, &h),
                     SP_ERANGE);
    assert_int_equal(merkle_prove_inclusion(naive_get, leaves, 3, 3, &p),
                     SP_ERANGE);
    assert_int_equal(merkle_prove_consistency(naive_get, leaves, 4, 3, &p),
                     SP_ERANGE);
    assert_int_equal(merkle_verify_inclusion(&h, 0, 0, &p, &h), SP_ECORRUPT);
    assert_int_equal(merkle_verify_consistency(4, &h, 3, &h, &p), SP_ECORRUPT);
    assert_int_equal(merkle_verify_consistency(0, &leaves[0], 3, &h, &p),
                     SP_ECORRUPT); /* not the empty tree's root */
    p.count = MERKLE_PATH_MAX + 1;
    assert_int_equal(merkle_verify_inclusion(&h, 0, 5, &p, &h), SP_ECORRUPT);
    assert_int_equal(merkle_verify_consistency(2, &h, 5, &h, &p), SP_ECORRUPT);
}

/* Sizes past 2^16, with a tree whose perfect subtrees are all equal, so that
 * any can be had without storing it. */
static int equal_leaves_get(void *arg, unsigned level, uint64_t index,
                            struct hash *h)
{
    (void)index;
    *h = ((struct hash *)arg)[level];
    return 0;
}

static void proofs_of_huge_trees(void **state)
{
    static struct hash level[64];
    uint64_t x = 88172645463325252u;

    (void)state;
    level[0] = leaves[0];
    for (unsigned i = 1; i < 64; i++)
        merkle_node(&level[i - 1], &level[i - 1], &level[i]);
    for (unsigned round = 0; round < 3000; round++) {
        uint64_t v[2];
        for (unsigned i = 0; i < 2; i++) {
            x ^= x << 13, x ^= x >> 7, x ^= x << 17;
            v[i] = x >> (1 + x % 47);
        }
        uint64_t m = v[0] < v[1] ? v[0] : v[1];
        uint64_t n = (v[0] < v[1] ? v[1] : v[0]) + 1;
        struct hash rm, rn;
        struct merkle_path p;
        if (n > INT64_MAX)
            n = INT64_MAX;
        assert_int_equal(merkle_root(equal_leaves_get, level, m, &rm), 0);
        assert_int_equal(merkle_root(equal_leaves_get, level, n, &rn), 0);
        assert_int_equal(
            merkle_prove_inclusion(equal_leaves_get, level, m, n, &p), 0);
        assert_int_equal(merkle_verify_inclusion(&level[0], m, n, &p, &rn), 0);
        assert_int_equal(
            merkle_prove_consistency(equal_leaves_get, level, m, n, &p), 0);
        assert_int_equal(merkle_verify_consistency(m, &rm, n, &rn, &p), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classic_vectors),
        cmocka_unit_test(classic_proofs),
        cmocka_unit_test(tessera_vectors),
        cmocka_unit_test(decimal_vectors),
        cmocka_unit_test(decimal_proofs),
        cmocka_unit_test(roots_of_all_sizes),
        cmocka_unit_test(inclusion_of_all_pairs),
        cmocka_unit_test(consistency_of_all_pairs),
        cmocka_unit_test(spoiled_proofs_are_refused),
        cmocka_unit_test(sizes_out_of_range_are_refused),
        cmocka_unit_test(proofs_of_huge_trees),
    };

    for (uint64_t i = 0; i < NAIVE_MAX; i++)
        decimal_leaf(i, &leaves[i]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
