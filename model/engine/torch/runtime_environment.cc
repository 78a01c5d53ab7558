#include "model/engine/torch/runtime_environment.h"

#include <unistd.h>

#include <cstdlib>

namespace radio {
namespace {

struct Variable {
  const char* name;
  const char* value;
};

constexpr Variable kVariables[] = {
    // Threads that wait for each other sleep instead of spinning: one that spins keeps a late one,
    // or anybody else, off its core.
    {"OMP_WAIT_POLICY", "PASSIVE"},
    // Entries, not bytes. A batch uses about a dozen primitives.
    {"LRU_CACHE_CAPACITY", "8"},
    {"ONEDNN_PRIMITIVE_CACHE_CAPACITY", "16"},
    // A GPU's memory grows by pages instead of blocks that fit no batch but the one they were made
    // for: the sizes of batches never repeat.
    {"PYTORCH_ALLOC_CONF", "expandable_segments:True"},
    // Blocks of 1 MB and more are given back when they are freed (batch_memory.h keeps them for a
    // batch). By itself glibc moves that limit with what is freed, and resident memory by tens of
    // MB up and down.
    {"GLIBC_TUNABLES", "glibc.malloc.mmap_threshold=1048576:glibc.malloc.trim_threshold=4194304"},
};

}  // namespace

void ConfigureRuntimeEnvironment(char** argv) {
  bool changed = false;
  for (const Variable& variable : kVariables) {
    if (std::getenv(variable.name) != nullptr) continue;
    // Unless the variable is set for certain, starting again would never end.
    if (setenv(variable.name, variable.value, /*overwrite=*/0) != 0) return;
    changed = true;
  }
  if (changed) execv("/proc/self/exe", argv);
}

}  // namespace radio
