import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { removeTempFolders, tempFolder } from '#kit/temp-folder.fixture';
import { readStackSettings } from './config';
import { distributionAt, explainMaven, isWhole } from './distribution';
import { diskFullSentence } from './errors';
import { StackFolder } from './folder';
import { clusterId, kafkaPlaceSettings } from './kafka';
import { withFolderLock } from './lock';
import { freePorts, listeningInodes } from './ports';
import { findCommand, javaMajor, mavenVersion, requireJava, requirePlatform } from './prerequisites';
import { identify, isAlive, parseProcStat, signalGroup } from './process';
import { projectFolder } from './project';
import { propertyLine } from './resource';
import { eventLine } from './screen';

const temp = (): string => tempFolder('stack-unit');
afterEach(removeTempFolders);

describe('settings', () => {
  it('When the environment is empty, then ports and folders are the documented ones', () => {
    const settings = readStackSettings({});
    expect(settings.ports).toEqual({ mysql: 3306, kafka: 9092, registry: 8085, connect: 8083 });
    expect(settings.stackDir).toBe(join(projectFolder(), '.stack'));
    expect(settings.cacheDir).toBe(join(projectFolder(), '.stack', 'cache'));
  });

  it('When only STACK_DIR is set, then the unpacked servers are still shared', () => {
    expect(readStackSettings({ STACK_DIR: '/somewhere' })).toMatchObject({
      stackDir: '/somewhere',
      cacheDir: join(projectFolder(), '.stack', 'cache'),
    });
  });

  it('When several ports are malformed, then all of them are named', () => {
    expect(() => readStackSettings({ MYSQL_PORT: 'x', KAFKA_PORT: '70000' })).toThrow(
      /MYSQL_PORT[^]*KAFKA_PORT/,
    );
  });
});

describe('prerequisites', () => {
  it.each([
    ['openjdk version "17.0.15" 2025-04-15', 17],
    ['java version "1.8.0_402"', 8],
    ['openjdk version "21" 2023-09-19', 21],
    ['bash: java: not found', undefined],
  ])('When java says %s, then its major version is %s', (output, major) => {
    expect(javaMajor(output)).toBe(major);
  });

  it('When Maven colours its version, then it is read all the same', () => {
    expect(mavenVersion('\u001b[1mApache Maven 3.8.7\u001b[m\nMaven home: /usr')).toEqual([3, 8]);
    expect(mavenVersion('no')).toBeUndefined();
  });

  it('When the platform is another one, then compose is named', () => {
    expect(() => requirePlatform('darwin', 'arm64')).toThrow(/docker compose/);
    expect(() => requirePlatform('linux', 'x64')).not.toThrow();
  });

  it('When a command is on no path, then it is not found', () => {
    const settings = { ...readStackSettings({}), environment: { PATH: temp() } };
    expect(findCommand(settings, 'java')).toBeUndefined();
  });

  it('When Java is too old, then its version and the package to install are named', async () => {
    const folder = temp();
    writeFileSync(join(folder, 'java'), '#!/bin/sh\necho \'openjdk version "11.0.2"\'\n', { mode: 0o755 });
    const settings = { ...readStackSettings({}), javaHome: undefined, environment: { PATH: folder } };
    await expect(requireJava(settings)).rejects.toThrow(/Java 11 .* too old.*openjdk-17-jre-headless/);
  });

  it('When JAVA_HOME points nowhere, then it is named', async () => {
    await expect(requireJava({ ...readStackSettings({}), javaHome: '/nowhere' })).rejects.toThrow(
      /JAVA_HOME/,
    );
  });
});

describe('failures of fetching', () => {
  it.each([
    ['java.net.UnknownHostException: somewhere', /connect to the internet/],
    ['Could not transfer artifact a:b:jar:1 from/to central', /connect to the internet/],
    ['java.io.IOException: No space left on device', /disk is full/],
    ['Checksum validation failed, expected a but is b', /checksum/],
    ['something else', /see \/maven\.log/],
  ])('When Maven says "%s", then the sentence says what to do', (output, sentence) => {
    expect(explainMaven(output, '/maven.log')).toMatch(sentence);
  });

  it('When the system says ENOSPC, then the disk is named, and nothing for other errors', () => {
    expect(diskFullSentence(Object.assign(new Error('x'), { code: 'ENOSPC' }), '/data')).toMatch(/\/data/);
    expect(diskFullSentence(new Error('x'), '/data')).toBeUndefined();
  });

  it('When a file of the cache is absent or shorter, then the cache is not whole', () => {
    const folder = temp();
    expect(isWhole(folder)).toBe(false);
    writeFileSync(join(folder, 'manifest.json'), JSON.stringify({ 'a.jar': 3 }));
    expect(isWhole(folder)).toBe(false);
    writeFileSync(join(folder, 'a.jar'), 'ab');
    expect(isWhole(folder)).toBe(false);
    writeFileSync(join(folder, 'a.jar'), 'abc');
    expect(isWhole(folder)).toBe(true);
  });
});

describe('processes', () => {
  it('When a name holds blanks and parentheses, then state and start time are still found', () => {
    const rest = 'S 7 1 1 0 -1 4194560 1 0 0 0 1 1 0 0 20 0 1 0 987654 1 1';
    expect(parseProcStat(`42 (a) b (c) ${rest}`)).toEqual({ state: 'S', parent: 7, startTicks: '987654' });
  });

  it('When a pid belongs to a later process, then it counts as ended and is not signalled', async () => {
    const child = spawn('sleep', ['60'], { detached: true });
    const identity = identify(child.pid ?? 0);
    if (identity === undefined) throw new Error('sleep did not start');
    const earlier = { ...identity, startTicks: '1' };
    expect(isAlive(identity)).toBe(true);
    expect(isAlive(earlier)).toBe(false);
    signalGroup(earlier, 'SIGKILL');
    signalGroup({ ...identity, bootId: 'another boot' }, 'SIGKILL');
    expect(isAlive(identity)).toBe(true);
    const ended = new Promise((resolve) => child.once('exit', resolve));
    signalGroup(identity, 'SIGKILL');
    await ended;
    expect(isAlive(identity)).toBe(false);
  });
});

describe('ports', () => {
  it('When many free ports are asked for, then they differ', async () => {
    expect(new Set(await freePorts(20)).size).toBe(20);
  });

  it('When a socket listens, then only its inode is taken from the table, not those of connections', () => {
    const table = [
      '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
      '   0: 0100007F:0CEA 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 111 1',
      '   1: 0100007F:0CEA 0100007F:A1B2 01 00000000:00000000 00:00000000 00000000     0        0 222 1',
      '   2: 0100007F:0CEB 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 333 1',
    ].join('\n');
    expect(listeningInodes(table, 3306)).toEqual(['111']);
  });
});

describe('folder', () => {
  it('When the folder holds files of somebody else, then it is neither used nor deleted', () => {
    const path = temp();
    writeFileSync(join(path, 'thesis.txt'), 'x');
    const folder = new StackFolder(path);
    expect(() => folder.create()).toThrow(/not this stack's/);
    expect(() => folder.deleteAll()).toThrow(/nothing was deleted/);
  });

  it('When a record was written half, then it reads as none', () => {
    const folder = new StackFolder(temp());
    folder.create();
    writeFileSync(join(folder.path, 'run', 'mysql.json'), '{"pid": 1');
    expect(folder.record('mysql')).toBeUndefined();
  });

  it('When two ask for the lock, then one works after the other', async () => {
    const folder = temp();
    const order: string[] = [];
    const work = (name: string) => async (): Promise<void> => {
      order.push(`${name} in`);
      await new Promise((resolve) => setTimeout(resolve, 50));
      order.push(`${name} out`);
    };
    const waited: string[] = [];
    await Promise.all([
      withFolderLock(folder, work('a')),
      withFolderLock(folder, work('b'), { onWait: () => waited.push('b') }),
    ]);
    expect(order).toEqual(['a in', 'a out', 'b in', 'b out']);
    expect(waited).toEqual(['b']);
  });
});

describe('configuration of the servers', () => {
  it('When random bytes would begin with the dash of an option, then the cluster id does not', () => {
    expect(Buffer.alloc(16, 0xfb).toString('base64url')).toMatch(/^-/);
    expect(clusterId(Buffer.alloc(16, 0xfb))).toMatch(/^[^-][\w-]{21}$/);
  });

  it('When a value holds a backslash, then the properties file keeps it', () => {
    expect(propertyLine('log.dirs', 'a\\b')).toBe('log.dirs=a\\\\b');
  });

  it('When a proxy is to stand before Kafka, then Kafka listens on one port and advertises the other', () => {
    const settings = { ...readStackSettings({}), kafkaProxied: { port: 5001, advertisedPort: 5002 } };
    const folder = new StackFolder('/somewhere');
    const distribution = distributionAt(settings);
    const place = { settings, folder, distribution, ports: settings.ports, java: 'java', signal: undefined };
    const made = kafkaPlaceSettings(place, 4000);
    expect(made['listeners']).toBe(
      'PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:4000,PROXIED://127.0.0.1:5001',
    );
    expect(made['advertised.listeners']).toBe('PLAINTEXT://127.0.0.1:9092,PROXIED://127.0.0.1:5002');
  });

  it('When a server is healthy, then its line says after how long', () => {
    expect(eventLine({ server: 'mysql', title: 'MySQL', phase: 'healthy', seconds: 2.34 })).toMatch(
      /MySQL .*healthy.* 2\.3 s/,
    );
  });
});
