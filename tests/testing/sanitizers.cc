// What sanitizers are told about libraries that Debian ships without them. The functions have the
// names that the sanitizers' run times look for.

#if defined(__SANITIZE_THREAD__)
extern "C" const char* __tsan_default_suppressions() {
  // gRPC and spdlog synchronise with atomics that are compiled in, unseen: what they hand from one
  // thread to another looks like a race. Their own threads are looked at through our callbacks
  // only.
  return "called_from_lib:libgrpc.so\n"
         "called_from_lib:libgrpc++.so\n"
         "called_from_lib:libgpr.so\n"
         "called_from_lib:libspdlog.so\n"
         "called_from_lib:libprometheus-cpp-pull.so\n"
         "race:libgrpc\n"
         "race:libgpr\n";
}
#endif
