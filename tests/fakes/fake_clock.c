/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fakes/fake_clock.h"

static int64_t fake_mono_ms(void *self) {
    struct gw_fake_clock *fake = self;
    int64_t now = fake->mono_ms;
    gw_fake_clock_advance(fake, fake->step_ms);
    return now;
}

static int64_t fake_wall_ms(void *self) {
    const struct gw_fake_clock *fake = self;
    return fake->wall_ms;
}

static enum gw_clock_quality fake_quality(void *self) {
    const struct gw_fake_clock *fake = self;
    return fake->quality;
}

struct gw_clock gw_fake_clock_init(struct gw_fake_clock *fake) {
    *fake = (struct gw_fake_clock){.mono_ms = GW_FAKE_CLOCK_MONO_MS,
                                   .wall_ms = GW_FAKE_CLOCK_WALL_MS,
                                   .quality = GW_CLOCK_SYNCHRONISED};
    return (struct gw_clock){.mono_ms = fake_mono_ms,
                             .wall_ms = fake_wall_ms,
                             .quality = fake_quality,
                             .self = fake};
}

void gw_fake_clock_advance(struct gw_fake_clock *fake, int64_t by_ms) {
    fake->mono_ms += by_ms;
    fake->wall_ms += by_ms;
}
