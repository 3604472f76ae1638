/* SPDX-License-Identifier: Apache-2.0 */
/* Device profiles on a desk: no gateway, no configuration. */
#include <dirent.h>
#include <string.h>

#include "drivers/profile/feed.h"
#include "firmware/base/cleanup.h"
#include "tools/gwctl/gwctl.h"
#include "tools/gwctl/profile_feed.h"
#include "tools/gwctl/show.h"

#define ERROR_BYTES 16384
#define PATH_BYTES 512
#define PROFILES_MAX 256
#define EXPLANATION_BYTES 65536

GW_DEFINE_CLEANUP(struct gw_profile *, gw_profile_close, profile_closep)

static struct gw_installed folder_of(const struct gw_gwctl *ctl) {
    struct gw_installed folder = gw_profile_folder();
    if (ctl->arguments.profiles) {
        (void) snprintf(folder.path, sizeof folder.path, "%s", ctl->arguments.profiles);
    }
    return folder;
}

/* "dock.json" and "./dock" are files, "dock" is a profile of the folder. NULL
 * after every finding on ctl->err. */
static struct gw_profile *load(struct gw_gwctl *ctl, const char *argument, bool is_file) {
    char path[PATH_BYTES];
    char storage[ERROR_BYTES];
    struct gw_buf errors;
    gw_buf_init(&errors, storage, sizeof storage);
    bool is_plain = strchr(argument, '/') == NULL;
    bool has_ending = gw_str_ends_with(gw_str_from_cstr(argument), GW_STR(".json"));
    (void) snprintf(path, sizeof path, "%s%s", is_plain && (is_file || has_ending) ? "./" : "",
                    argument);
    struct gw_profile *profile = NULL;
    struct gw_installed folder = folder_of(ctl);
    enum gw_err err = gw_profile_load(folder.path, path, &errors, &profile);
    if (err == GW_ERR_NOENT && strchr(path, '/') == NULL) {
        (void) gw_gwctl_fail(ctl, "there is no profile \"%s\" in %s: see gwctl profile list",
                             argument, folder.path);
        return NULL;
    }
    if (err == GW_ERR_NOENT) {
        (void) gw_gwctl_fail(ctl, "there is no file %s", path);
        return NULL;
    }
    if (err) {
        (void) gw_gwctl_fail(ctl, "%s has faults", argument);
        gw_gwctl_show_lines(ctl->err, gw_buf_str(&errors));
        return NULL;
    }
    return profile;
}

static const char *kind_name(const struct gw_profile *profile) {
    return profile->kind == GW_PROFILE_SCANNER ? "scanner" : "scale";
}

int gw_gwctl_profile_check(struct gw_gwctl *ctl) {
    const char *path = ctl->arguments.positions[0];
    GW_CLEANUP(profile_closep) struct gw_profile *profile = load(ctl, path, true);
    if (!profile) {
        return GW_EXIT_FAILED;
    }
    (void) fprintf(ctl->out, "%s is good: %s %s, ", path, kind_name(profile), profile->name);
    gw_gwctl_show_text(ctl->out, gw_str_from_cstr(profile->title));
    (void) fputc('\n', ctl->out);
    return GW_EXIT_DONE;
}

int gw_gwctl_profile_feed(struct gw_gwctl *ctl) {
    GW_CLEANUP(profile_closep)
    struct gw_profile *profile = load(ctl, ctl->arguments.positions[0], false);
    return profile ? gw_gwctl_feed_stream(ctl, profile, stdin) : GW_EXIT_FAILED;
}

int gw_gwctl_profile_explain(struct gw_gwctl *ctl) {
    const char *key = ctl->arguments.position_count > 0 ? ctl->arguments.positions[0] : "";
    GW_CLEANUP(gw_buf_close) struct gw_buf text = {0};
    if (gw_buf_open(&text, EXPLANATION_BYTES)) {
        return gw_gwctl_fail(ctl, "out of memory");
    }
    if (gw_profile_explain(gw_str_from_cstr(key), &text)) {
        return gw_gwctl_fail(ctl, "there is no key \"%s\"; `gwctl profile explain` lists all",
                             key);
    }
    (void) fwrite(text.data, 1, text.len, ctl->out);
    return GW_EXIT_DONE;
}

/* ---- list ---- */

static int compare_names(const void *a, const void *b) {
    return strcmp((const char *) a, (const char *) b);
}

/* Names of the profiles of the folder, sorted; their number. */
static size_t read_names(const char *folder, char (*names)[64]) {
    DIR *dir = opendir(folder);
    size_t count = 0;
    const struct dirent *entry;
    while (dir && count < PROFILES_MAX && (entry = readdir(dir)) != NULL) {
        struct gw_str name = gw_str_from_cstr(entry->d_name);
        if (gw_str_ends_with(name, GW_STR(".json"))
            && !gw_str_copy(gw_str_sub(name, 0, name.len - 5), names[count], sizeof *names)) {
            count++;
        }
    }
    if (dir) {
        (void) closedir(dir);
    }
    qsort(names, count, sizeof *names, compare_names);
    return count;
}

static void show_profile(struct gw_gwctl *ctl, const struct gw_profile *profile) {
    if (!ctl->arguments.json) {
        (void) fprintf(ctl->out, "%-24s %-8s %s\n", profile->name, kind_name(profile),
                       profile->title);
        return;
    }
    char storage[1024];
    struct gw_buf line;
    gw_buf_init(&line, storage, sizeof storage);
    gw_buf_put_str(&line, GW_STR("{\"name\":"));
    gw_buf_put_json_str(&line, gw_str_from_cstr(profile->name));
    gw_buf_printf(&line, ",\"kind\":\"%s\",\"title\":", kind_name(profile));
    gw_buf_put_json_str(&line, gw_str_from_cstr(profile->title));
    gw_buf_put_str(&line, GW_STR("}\n"));
    (void) fwrite(line.data, 1, line.len, ctl->out);
}

int gw_gwctl_profile_list(struct gw_gwctl *ctl) {
    char names[PROFILES_MAX][64];
    struct gw_installed folder = folder_of(ctl);
    size_t count = read_names(folder.path, names);
    if (count == 0) {
        return gw_gwctl_fail(ctl, "there are no profiles in %s", folder.path);
    }
    int status = GW_EXIT_DONE;
    for (size_t i = 0; i < count; i++) {
        GW_CLEANUP(profile_closep) struct gw_profile *profile = load(ctl, names[i], false);
        if (profile) {
            show_profile(ctl, profile);
        } else {
            status = GW_EXIT_FAILED;
        }
    }
    return status;
}
