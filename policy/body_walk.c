/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walks a request's body beside the table of fields. Recursion is bounded by
 * the parser's depth. Runs in workers on strangers' bytes.
 */
#include "policy/body_walk.h"

static bool visit(const struct body_walk *w, uint32_t node, uint16_t field);

/* No API has a field whose name needs an escape, a capital or more than ASCII.
 * A reader behind us that compares names before unescaping, or without regard
 * to case ("Model", or with a U+017F for the s of stream), must see what we saw
 * (P10). */
static bool name_is_plain(const struct json *j, uint32_t name)
{
    const struct json_node *n = &j->nodes[name];

    if (n->escaped)
        return false;
    for (uint32_t i = n->start; i < n->end; i++) {
        uint8_t c = (uint8_t)j->text[i];

        if (c >= 0x80 || (c >= 'A' && c <= 'Z'))
            return false;
    }
    return true;
}

static bool member_visit(const struct body_walk *w, uint32_t node,
                         uint16_t parent)
{
    const struct json *j = w->j;
    const struct json_node *name = &j->nodes[j->nodes[node].name];
    uint16_t field;

    if (!name_is_plain(j, j->nodes[node].name))
        return w->odd(w->arg, node);
    field = field_member(w->route, parent, j->text + name->start + 1,
                         name->end - name->start - 2);
    if (parent == FIELD_NONE && j->nodes[node].type == JSON_NULL &&
        field != FIELD_NONE)
        return true;
    if (!w->member(w->arg, node, field))
        return false;
    return field == FIELD_NONE || visit(w, node, field);
}

/* A text of a set: a field below it; escaped ones are none. */
static bool choice_visit(const struct body_walk *w, uint32_t node,
                         uint16_t field)
{
    const struct json_node *n = &w->j->nodes[node];
    uint16_t choice = FIELD_NONE;

    if (n->type == JSON_NULL)
        return true;
    if (n->type != JSON_STRING)
        return w->odd(w->arg, node);
    if (!n->escaped)
        choice = field_member(w->route, field, w->j->text + n->start + 1,
                              n->end - n->start - 2);
    return w->member(w->arg, node, choice);
}

static bool scalar_visit(const struct body_walk *w, uint32_t node,
                         enum field_shape shape)
{
    enum json_type type = (enum json_type)w->j->nodes[node].type;
    bool right = true;

    if (shape == FIELD_NUMBER)
        right = type == JSON_NUMBER;
    else if (shape == FIELD_BOOL)
        right = type == JSON_TRUE || type == JSON_FALSE;
    else if (shape == FIELD_URL || shape == FIELD_DATA)
        right = type == JSON_STRING;
    else if (shape == FIELD_WORD)
        right = type == JSON_STRING && !json_has_zero(w->j, node);
    return right || type == JSON_NULL || w->odd(w->arg, node);
}

static bool visit(const struct body_walk *w, uint32_t node, uint16_t field)
{
    enum field_shape shape =
        field == FIELD_NONE ? FIELD_OBJECT : field_info(field)->shape;
    const struct json_node *nodes = w->j->nodes;
    enum json_type type = (enum json_type)nodes[node].type;
    bool lists =
        shape == FIELD_LEAF || shape == FIELD_OBJECT || shape == FIELD_SET;

    if (shape == FIELD_FREE)
        return true;
    if (type == JSON_ARRAY && lists) {
        for (uint32_t e = nodes[node].child; e != 0; e = nodes[e].next)
            if (!visit(w, e, field))
                return false;
        return true;
    }
    if (type == JSON_OBJECT && shape == FIELD_OBJECT) {
        for (uint32_t m = nodes[node].child; m != 0; m = nodes[m].next)
            if (!member_visit(w, m, field))
                return false;
        return true;
    }
    if (type == JSON_ARRAY || type == JSON_OBJECT)
        return w->odd(w->arg, node);
    return shape == FIELD_SET ? choice_visit(w, node, field)
                              : scalar_visit(w, node, shape);
}

bool body_walk(const struct body_walk *w)
{
    return visit(w, 0, FIELD_NONE);
}
