# find_package(leat) gives leat::leat: what the headers of include/leat need. The libraries of folders
# whose headers are not installed are exported only as far as it links them.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(leat_libraries base state record features models drift evaluation experiments pipeline)
add_library(leat_all INTERFACE)
target_link_libraries(leat_all INTERFACE pipeline)
set_target_properties(leat_all PROPERTIES EXPORT_NAME leat)
install(TARGETS ${leat_libraries} leat_all leat_muparser EXPORT leatTargets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS leat RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY include/leat DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT leatTargets NAMESPACE leat:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/leat)
configure_package_config_file(cmake/leatConfig.cmake.in ${CMAKE_CURRENT_BINARY_DIR}/leatConfig.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/leat)
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/leatConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/leatConfig.cmake
  ${CMAKE_CURRENT_BINARY_DIR}/leatConfigVersion.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/leat)
