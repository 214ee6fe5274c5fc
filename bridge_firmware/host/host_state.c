/* What outlives a restart of this program, as files of a directory: a setting each, and the firmware's two slots.
 *
 * The program cannot run another firmware's image. It keeps it, checks it as a bridge would, and tells its version:
 * `firmware` is what runs, `firmware.new` what the next start tries, `firmware.trial` what is tried now. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host_board.h"

#define PATH_BYTES 4096
#define KEPT "firmware"
#define NEW "firmware.new"
#define TRIAL "firmware.trial"
#define SLOT_BYTES 0x1E0000U /* as ota_0 in partitions.csv */
#define IMAGE_MAGIC 0xE9U           /* esp_app_format.h: esp_image_header_t */
#define DESCRIPTION_AT 0x20U        /* behind that header (24 bytes) and the first segment's (8) */
#define DESCRIPTION_MAGIC 0xABCD5432U /* esp_app_desc.h: magic_word, secure_version, reserv1[2], version, project_name */
#define VERSION_AT (DESCRIPTION_AT + 16U)
#define PROJECT_AT (VERSION_AT + 32U)
#define HEAD_BYTES (PROJECT_AT + 32U)

bool host_open_state(bridge_port_t *port, const char *directory)
{
    struct stat status;
    port->state_dir = directory;
    if (directory == NULL || mkdir(directory, S_IRWXU) == 0) {
        return true;
    }
    int number = errno;
    if (number == EEXIST && stat(directory, &status) == 0 && S_ISDIR(status.st_mode)) {
        number = access(directory, W_OK | X_OK) == 0 ? 0 : errno;
    }
    if (number != 0) {
        snprintf(port->trouble, sizeof(port->trouble), "nothing can be kept in %.120s: %s", directory, strerror(number));
    }
    return number == 0;
}

static bool path_of(const bridge_port_t *port, const char *name, char *path)
{
    return port->state_dir != NULL && snprintf(path, PATH_BYTES, "%s/%s", port->state_dir, name) < PATH_BYTES;
}

bridge_error_t bridge_port_load(bridge_port_t *port, const char *key, uint8_t *data, size_t capacity, size_t *length)
{
    char path[PATH_BYTES];
    *length = 0;
    if (!path_of(port, key, path)) {
        return BRIDGE_ERR_UNKNOWN;
    }
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return errno == ENOENT ? BRIDGE_ERR_UNKNOWN : BRIDGE_ERR_PORT;
    }
    *length = fread(data, 1, capacity, file);
    bool is_longer = *length == capacity && fgetc(file) != EOF;
    bool is_broken = ferror(file) != 0;
    fclose(file);
    return is_broken ? BRIDGE_ERR_PORT : is_longer ? BRIDGE_ERR_FULL : BRIDGE_OK;
}

/* A new file, for its owner only: passwords and keys are among these. */
static FILE *create(const char *path)
{
    (void)unlink(path); /* one that is left over may be readable for others */
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
    FILE *stream = file >= 0 ? fdopen(file, "wb") : NULL;
    if (stream == NULL && file >= 0) {
        close(file);
    }
    return stream;
}

/* A name is as lasting as its directory. */
static bool sync_directory(const bridge_port_t *port)
{
    int directory = open(port->state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool is_synced = directory >= 0 && fsync(directory) == 0;
    if (directory >= 0) {
        close(directory);
    }
    return is_synced;
}

/* Whole or not at all: written beside, and put in place; once this is done a power cut leaves it. */
bridge_error_t bridge_port_store(bridge_port_t *port, const char *key, bridge_span_t value)
{
    char path[PATH_BYTES];
    char beside[PATH_BYTES];
    if (port->state_dir == NULL) {
        return BRIDGE_ERR_UNSUPPORTED;
    }
    if (!path_of(port, key, path) || !path_of(port, "being.written", beside)) {
        return BRIDGE_ERR_PORT;
    }
    FILE *file = create(beside);
    if (file == NULL) {
        return BRIDGE_ERR_PORT;
    }
    bool is_written = fwrite(value.data, 1, value.length, file) == value.length;
    is_written = fflush(file) == 0 && fsync(fileno(file)) == 0 && is_written;
    is_written = fclose(file) == 0 && is_written;
    return is_written && rename(beside, path) == 0 && sync_directory(port) ? BRIDGE_OK : BRIDGE_ERR_PORT;
}

bridge_error_t bridge_port_forget(bridge_port_t *port, const char *key)
{
    char path[PATH_BYTES];
    return !path_of(port, key, path) || unlink(path) == 0 || errno == ENOENT ? BRIDGE_OK : BRIDGE_ERR_PORT;
}

static bridge_error_t fails(bridge_port_t *port, bridge_error_t error, const char *why)
{
    snprintf(port->update_trouble, sizeof(port->update_trouble), "%s", why);
    return error;
}

static void abandon(bridge_port_t *port)
{
    if (port->update != NULL) {
        fclose(port->update);
        port->update = NULL;
    }
    (void)bridge_port_forget(port, "firmware.part");
}

bridge_error_t bridge_port_update_begin(bridge_port_t *port, uint32_t length_bytes, uint32_t *slot_bytes)
{
    char path[PATH_BYTES];
    if (!path_of(port, "firmware.part", path)) {
        return fails(port, BRIDGE_ERR_UNSUPPORTED, "this bridge is a program of its machine, and is updated there");
    }
    if (length_bytes > SLOT_BYTES) {
        *slot_bytes = SLOT_BYTES;
        return BRIDGE_ERR_FULL;
    }
    port->update = fopen(path, "wb+");
    port->update_trouble[0] = '\0';
    return port->update != NULL ? BRIDGE_OK : fails(port, BRIDGE_ERR_PORT, "the slot cannot be written");
}

bridge_error_t bridge_port_update_write(bridge_port_t *port, bridge_span_t data)
{
    if (port->update == NULL || fwrite(data.data, 1, data.length, port->update) != data.length) {
        abandon(port);
        return fails(port, BRIDGE_ERR_PORT, "writing the slot failed");
    }
    return BRIDGE_OK;
}

/* Why this is no image for a bridge; NULL: it is one. */
static const char *judge(FILE *file)
{
    uint8_t head[HEAD_BYTES];
    rewind(file);
    bool is_whole = fread(head, 1, sizeof(head), file) == sizeof(head);
    bridge_reader_t reader = bridge_reader(head + DESCRIPTION_AT, 4);
    if (!is_whole || head[0] != IMAGE_MAGIC || bridge_get_u32(&reader) != DESCRIPTION_MAGIC) {
        return "this is no firmware image for an ESP32";
    }
    return strncmp((const char *)head + PROJECT_AT, HOST_PROJECT, 32) == 0 ? NULL
                                                                        : "this image is not a stmota bridge's";
}

bridge_error_t bridge_port_update_finish(bridge_port_t *port)
{
    char part[PATH_BYTES];
    char path[PATH_BYTES];
    const char *why = port->update != NULL ? judge(port->update) : "no update was begun";
    if (why != NULL) {
        abandon(port);
        return fails(port, BRIDGE_ERR_MALFORMED, why);
    }
    bool is_written = fclose(port->update) == 0;
    port->update = NULL;
    if (!is_written || !path_of(port, "firmware.part", part) || !path_of(port, NEW, path) || rename(part, path) != 0) {
        return fails(port, BRIDGE_ERR_PORT, "the new firmware cannot be chosen");
    }
    return BRIDGE_OK;
}

void bridge_port_update_cancel(bridge_port_t *port)
{
    abandon(port);
    port->update_trouble[0] = '\0';
}

const char *bridge_port_update_trouble(bridge_port_t *port)
{
    return port->update_trouble;
}

static bool move(const bridge_port_t *port, const char *from, const char *to)
{
    char paths[2][PATH_BYTES];
    return path_of(port, from, paths[0]) && path_of(port, to, paths[1]) && rename(paths[0], paths[1]) == 0;
}

void bridge_port_confirm(bridge_port_t *port)
{
    if (port->trial == BRIDGE_TRIAL_UNDER_WAY && move(port, TRIAL, KEPT)) {
        port->trial = BRIDGE_TRIAL_NONE;
    }
}

bridge_trial_t bridge_port_trial(bridge_port_t *port)
{
    return port->trial;
}

void bridge_port_restart(bridge_port_t *port)
{
    port->is_restarting = true;
}

const char *host_firmware(bridge_port_t *port, const char *otherwise)
{
    uint8_t head[HEAD_BYTES];
    size_t length = 0;
    if (bridge_port_load(port, TRIAL, head, sizeof(head), &length) != BRIDGE_ERR_UNKNOWN) {
        port->trial = BRIDGE_TRIAL_FAILED; /* no controller came: the one before is back */
        (void)bridge_port_forget(port, TRIAL);
    } else if (move(port, NEW, TRIAL)) {
        port->trial = BRIDGE_TRIAL_UNDER_WAY;
    }
    (void)bridge_port_load(port, TRIAL, head, sizeof(head), &length);
    if (length < sizeof(head)) {
        (void)bridge_port_load(port, KEPT, head, sizeof(head), &length);
    }
    if (length < sizeof(head)) {
        return otherwise;
    }
    snprintf(port->firmware, sizeof(port->firmware), "%.31s", (const char *)head + VERSION_AT);
    return port->firmware;
}
