// Files: read whole, written so that a reader or a crash never sees half of one.
#ifndef RADIO_CLIENT_FILES_H_
#define RADIO_CLIENT_FILES_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace radio::client {

// Appended to a file's name while it is being written. Files left behind may be deleted.
inline constexpr absl::string_view kTemporarySuffix = ".tmp";

// `doing` and errno, e.g. "cannot read a.jpg: No such file or directory". NOT_FOUND,
// PERMISSION_DENIED or INTERNAL.
absl::Status ErrnoStatus(absl::string_view doing);

// INVALID_ARGUMENT when it holds more than `max_bytes`: no more than these are read.
absl::StatusOr<std::string> ReadFile(const std::string& path, size_t max_bytes = SIZE_MAX);

// Writes a temporary file beside `path`, forces it to the disk and renames it.
absl::Status WriteFileAtomically(const std::string& path, absl::string_view bytes);

// Adds to the end of the file, made if there is none, and forces that to the disk.
absl::Status AppendToFile(const std::string& path, absl::string_view bytes);

// Renames `path` + kTemporarySuffix, already on the disk, to `path`, and forces that to the disk.
absl::Status CommitTemporary(const std::string& path);

// Lower-case hex.
std::string Sha256Hex(absl::string_view bytes);

}  // namespace radio::client

#endif  // RADIO_CLIENT_FILES_H_
