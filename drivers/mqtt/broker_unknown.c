/* SPDX-License-Identifier: Apache-2.0 */
/* An issue for each topic that belongs to no device, for a few of them; all others
 * share one. Whoever publishes under ten thousand topics fills no page, and what
 * has ended goes away by itself. */
#include "drivers/mqtt/broker_internal.h"

#include <stdio.h>
#include <string.h>

#define SHARED GW_BROKER_UNKNOWN_TOPICS

static struct gw_unknown_topic *find(struct gw_broker *broker, uint64_t fingerprint) {
    for (size_t i = 0; i < SHARED; i++) {
        struct gw_unknown_topic *unknown = &broker->unknown[i];
        if (unknown->text[0] != '\0' && unknown->fingerprint == fingerprint) {
            return unknown;
        }
    }
    return NULL;
}

static struct gw_unknown_topic *find_free(struct gw_broker *broker) {
    for (size_t i = 0; i < SHARED; i++) {
        if (broker->unknown[i].text[0] == '\0') {
            return &broker->unknown[i];
        }
    }
    return NULL;
}

/* As the issue would cut it, at its end or at its first NUL; never empty. */
static void set_text(struct gw_unknown_topic *unknown, struct gw_str topic) {
    size_t len = topic.len < sizeof unknown->text - 1 ? topic.len : sizeof unknown->text - 1;
    while (len < topic.len && len > 0 && ((unsigned char) topic.ptr[len] & 0xc0) == 0x80) {
        len--;
    }
    memcpy(unknown->text, topic.ptr, len);
    unknown->text[len] = '\0';
    if (unknown->text[0] == '\0') {
        memcpy(unknown->text, "?", 2);
    }
}

/* A topic may hold a personal code: then it is known by its place here. */
static void set_subject(struct gw_broker *broker, struct gw_unknown_topic *unknown,
                        struct gw_str topic) {
    if (!gw_health_is_secret(broker->options.health, topic)) {
        set_text(unknown, topic);
        return;
    }
    (void) snprintf(unknown->text, sizeof unknown->text, "withheld topic %d at broker %s",
                    (int) (unknown - broker->unknown) + 1, broker->options.config->name);
}

static void raise_shared(struct gw_broker *broker) {
    struct gw_unknown_topic *shared = &broker->unknown[SHARED];
    if (shared->text[0] == '\0') {
        (void) snprintf(shared->text, sizeof shared->text, "more at broker %s",
                        broker->options.config->name);
        gw_health_raise(broker->options.health, GW_ISSUE_UNKNOWN_TOPIC,
                        gw_str_from_cstr(shared->text),
                        "more than %d topics belong to no device: see the quarantine",
                        GW_BROKER_UNKNOWN_TOPICS);
    }
}

void gw_broker_note_unknown(struct gw_broker *broker, struct gw_str topic,
                            uint64_t fingerprint) {
    struct gw_unknown_topic *unknown = find(broker, fingerprint);
    if (!unknown) {
        unknown = find_free(broker);
        if (!unknown) {
            raise_shared(broker);
            unknown = &broker->unknown[SHARED];
        } else {
            unknown->fingerprint = fingerprint;
            set_subject(broker, unknown, topic);
            gw_health_raise(broker->options.health, GW_ISSUE_UNKNOWN_TOPIC,
                            gw_str_from_cstr(unknown->text),
                            "no device of the configuration has a topic filter that matches");
        }
    }
    unknown->last_mono_ms = gw_clock_mono_ms(broker->options.clock);
}

void gw_broker_settle_unknown(struct gw_broker *broker, int64_t before_mono_ms) {
    for (size_t i = 0; i <= SHARED; i++) {
        struct gw_unknown_topic *unknown = &broker->unknown[i];
        if (unknown->text[0] != '\0' && unknown->last_mono_ms < before_mono_ms) {
            gw_health_clear(broker->options.health, GW_ISSUE_UNKNOWN_TOPIC,
                            gw_str_from_cstr(unknown->text));
            *unknown = (struct gw_unknown_topic){0};
        }
    }
}
