/** Makes `file` the configuration of this process, as the variable OOMBOT_CONFIG would. Apart, so that it loads nothing else. */
export function useConfigFile(file: string): void {
  process.env['OOMBOT_CONFIG'] = file;
}
