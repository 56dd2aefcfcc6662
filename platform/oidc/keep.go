package oidc

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

const (
	keyFile  = "signing-key.pem" // PKCS #8
	portFile = "port"            // decimal
	keyBits  = 2048
)

// keptKey reads the signing key of the folder, or makes one. RS256 is the algorithm that every provider must offer
// (OpenID Connect Discovery 1.0, section 3), so development takes the path that production most often does.
func keptKey(dir string) (*rsa.PrivateKey, error) {
	path := filepath.Join(dir, keyFile)
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return newKey(path)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the signing key: %w", err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("the signing key %s is open to others (%o): chmod 600 it", path, info.Mode().Perm())
	}
	return readKey(path)
}

func readKey(path string) (*rsa.PrivateKey, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the signing key: %w", err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("the signing key %s is no PEM file: remove it to get a new one", path)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("reading the signing key %s: %w", path, err)
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("the signing key %s is no RSA key: remove it to get a new one", path)
	}
	return key, nil
}

func newKey(path string) (*rsa.PrivateKey, error) {
	key, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return nil, fmt.Errorf("making the signing key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encoding the signing key: %w", err)
	}
	if err := replaceFile(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})); err != nil {
		return nil, fmt.Errorf("keeping the signing key: %w", err)
	}
	return key, nil
}

// replaceFile writes a file that only its owner can read. A crash leaves the old content or the new, never a part.
func replaceFile(path string, content []byte) error {
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // made with 0600
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	err = errors.Join(err, file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return nil
}

// listen takes the kept port of 127.0.0.1, or a free one if there is none or it is taken, and keeps it.
func listen(ctx context.Context, dir string, logger *slog.Logger) (net.Listener, error) {
	kept, err := keptPort(dir)
	if err != nil {
		return nil, err
	}
	listener, err := listenOn(ctx, kept)
	if err != nil && kept != 0 {
		logger.Warn("the identity provider's port is taken, so its issuer changes", "port", kept, "error", err)
		listener, err = listenOn(ctx, 0)
	}
	if err != nil {
		return nil, fmt.Errorf("listening on loopback: %w", err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	if port == kept {
		return listener, nil
	}
	if err := replaceFile(filepath.Join(dir, portFile), []byte(strconv.Itoa(port))); err != nil {
		return nil, errors.Join(fmt.Errorf("keeping the port: %w", err), listener.Close())
	}
	return listener, nil
}

// listenOn listens on loopback or not at all.
func listenOn(ctx context.Context, port int) (net.Listener, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp4", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return nil, err
	}
	if address, ok := listener.Addr().(*net.TCPAddr); !ok || !address.IP.IsLoopback() {
		return nil, errors.Join(fmt.Errorf("%s is not on loopback", listener.Addr()), listener.Close())
	}
	return listener, nil
}

// keptPort is 0 if none is kept.
func keptPort(dir string) (int, error) {
	path := filepath.Join(dir, portFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("reading the kept port: %w", err)
	}
	port, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 16)
	if err != nil || port == 0 {
		return 0, fmt.Errorf("%s holds no port: remove it to get a new one", path)
	}
	return int(port), nil
}
