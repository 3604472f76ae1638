/* SPDX-License-Identifier: Apache-2.0 */
/* Of write*.c only. */
#ifndef GW_MODBUS_WRITE_INTERNAL_H
#define GW_MODBUS_WRITE_INTERNAL_H

#include "drivers/modbus/write.h"

/* What is known when a command ends. */
struct gw_modbus_ending {
    enum gw_modbus_outcome outcome;
    char detail[512];
    char readback[GW_DECIMAL_TEXT_MAX + 1]; /* "" = not read */
    unsigned exception;
};

/* Outcome of a command whose job was answered. `write` may be NULL (not in the
 * configuration any more). */
void gw_modbus_judge_answer(const struct gw_modbus_record *record,
                            const struct gw_config_write *write,
                            const struct gw_modbus_answer *answer,
                            struct gw_modbus_ending *ret_ending);
/* Outcome of an intent of a former process whose place was read, or could not be. */
void gw_modbus_judge_interrupted(const struct gw_modbus_record *record,
                                 const struct gw_config_write *write,
                                 const struct gw_modbus_answer *answer,
                                 struct gw_modbus_ending *ret_ending);
/* record->result: data of the command.result event. */
void gw_modbus_put_result(struct gw_modbus_record *record,
                          const struct gw_modbus_ending *ending);

/* The form of a command: what is no command at all. SCHEMA, RANGE with a sentence. */
enum gw_err gw_modbus_check_command(const struct gw_modbus_command *command,
                                    struct gw_buf *reason);

#endif
