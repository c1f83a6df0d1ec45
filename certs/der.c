/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strict DER, one value at a time. Runs where lists are read: in a process
 * without files and network, on bytes that came over plain HTTP.
 */
#include "certs/der.h"

#include <string.h>
#include <time.h>

/* A length in its shortest form; 4 bytes are more than any limit here. */
static bool length_take(struct der *d, size_t *length)
{
    size_t n, value = 0;

    if (d->at == d->end)
        return false;
    if (*d->at < 0x80) {
        *length = *d->at++;
        return true;
    }
    n = *d->at++ & 0x7f;
    if (n == 0 || n > 4 || (size_t)(d->end - d->at) < n)
        return false;
    for (size_t i = 0; i < n; i++)
        value = value << 8 | *d->at++;
    *length = value;
    return value >= 0x80 && value >> (8 * (n - 1)) != 0;
}

bool der_take(struct der *d, struct der_value *v)
{
    const uint8_t *start = d->at;
    size_t length;

    if (d->at == d->end)
        return false;
    v->tag = *d->at++;
    if ((v->tag & 0x1f) == 0x1f || !length_take(d, &length) ||
        length > (size_t)(d->end - d->at)) {
        d->at = start;
        return false;
    }
    v->data = d->at;
    v->length = length;
    d->at += length;
    v->whole = start;
    v->whole_length = (size_t)(d->at - start);
    return true;
}

bool der_expect(struct der *d, uint8_t tag, struct der_value *v)
{
    return der_next_is(d, tag) && der_take(d, v);
}

bool der_boolean(const struct der_value *v, bool *value)
{
    if (v->tag != DER_BOOLEAN || v->length != 1 ||
        (v->data[0] != 0 && v->data[0] != 0xff))
        return false;
    *value = v->data[0] != 0;
    return true;
}

int der_magnitude(const struct der_value *v, uint8_t out[20])
{
    const uint8_t *data = v->data;
    size_t length = v->length;

    if (v->tag != DER_INTEGER || length == 0)
        return SP_EINVAL;
    if (length > 1 && ((data[0] == 0 && (data[1] & 0x80) == 0) ||
                       (data[0] == 0xff && (data[1] & 0x80) != 0)))
        return SP_EINVAL;
    if ((data[0] & 0x80) != 0)
        return SP_ERANGE;
    if (data[0] == 0) {
        data++;
        length--;
    }
    if (length > 20)
        return SP_ERANGE;
    memset(out, 0, 20 - length);
    if (length > 0)
        memcpy(out + 20 - length, data, length);
    return 0;
}

/* Two digits, or -1. */
static int two(const uint8_t *p)
{
    if (p[0] < '0' || p[0] > '9' || p[1] < '0' || p[1] > '9')
        return -1;
    return (p[0] - '0') * 10 + (p[1] - '0');
}

/* Days from 1970-01-01 in the Gregorian calendar: years that begin in March,
 * eras of 400 years. timegm would read the time zone's files. */
static int64_t days_of(int64_t year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t of_era = y - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year -
           719468;
}

static int days_in(int year, int month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30,
                                   31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return month == 2 && leap ? 29 : days[month - 1];
}

/* "MMDDHHMMSSZ" of a year. */
static bool time_in_year(int year, const uint8_t *p, int64_t *ms)
{
    int month = two(p), day = two(p + 2), hour = two(p + 4);
    int minute = two(p + 6), second = two(p + 8);

    if (month < 1 || month > 12 || day < 1 || day > days_in(year, month) ||
        hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 ||
        second > 59 || p[10] != 'Z')
        return false;
    *ms = ((days_of(year, month, day) * 24 + hour) * 60 + minute) * 60000 +
          second * 1000;
    return true;
}

static bool time_read(bool utc, const uint8_t *p, size_t length, int64_t *ms)
{
    int century, year;

    if (length != (utc ? 13u : 15u))
        return false;
    century = utc ? 19 : two(p);
    year = two(utc ? p : p + 2);
    if (century < 0 || year < 0)
        return false;
    if (utc && year < 50)
        century = 20;
    return time_in_year(century * 100 + year, p + (utc ? 2 : 4), ms);
}

bool der_time(const struct der_value *v, int64_t *ms)
{
    if (v->tag != DER_UTC_TIME && v->tag != DER_GENERALIZED_TIME)
        return false;
    return time_read(v->tag == DER_UTC_TIME, v->data, v->length, ms);
}

bool der_time_of(const ASN1_TIME *t, int64_t *ms)
{
    int type = t == NULL ? 0 : ASN1_STRING_type(t);

    if ((type != V_ASN1_UTCTIME && type != V_ASN1_GENERALIZEDTIME) ||
        ASN1_STRING_length(t) < 0)
        return false;
    return time_read(type == V_ASN1_UTCTIME, ASN1_STRING_get0_data(t),
                     (size_t)ASN1_STRING_length(t), ms);
}
